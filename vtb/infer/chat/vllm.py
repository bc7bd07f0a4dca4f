"""A Qwen3-VL checkpoint in this process, run by vLLM on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from vtb.core.errors import MissingEnvironmentError
from vtb.infer.chat.messages import openai_message
from vtb.infer.chat.protocol import ChatRequest, ChatResult, Sampling
from vtb.models.qwen3_vl.checkpoint import has_processor, media_token_ids
from vtb.models.qwen3_vl.load import load_processor, picture_limits
from vtb.models.qwen3_vl.lora_check import require_adapter

# Answers are handed over, and so saved, after so many; vLLM schedules them freely among each other.
CHUNK = 256
MAX_IMAGES = 32
# Practically never: vLLM does not read `suppress_tokens`.
NEVER = -100.0


class VllmBackend:
    """Answers in chunks, scheduled by vLLM; an adapter is applied at run time.

    Pictures are scaled within the limits of the processor: the adapter's, if it brings one.
    """

    def __init__(self, directory: Path, *, lora: Path | None = None) -> None:
        try:
            vllm: Any = import_module("vllm")
        except ImportError as error:
            raise MissingEnvironmentError(
                "vLLM is not installed",
                fact=str(error),
                hint="on a GPU machine: pip install -c constraints-gpu.txt -e '.[vllm]'",
            ) from error
        self._sampling_params: Any = vllm.SamplingParams
        self._bias = dict.fromkeys(media_token_ids(directory), NEVER)
        source = lora if lora is not None and has_processor(lora) else directory
        self._limits = picture_limits(load_processor(source))
        options: dict[str, Any] = {"limit_mm_per_prompt": {"image": MAX_IMAGES}}
        self._lora: Any = None
        if lora is not None:
            adapter = require_adapter(directory, lora)
            options |= {"enable_lora": True, "max_lora_rank": max(adapter.ranks)}
            request: Any = import_module("vllm.lora.request").LoRARequest
            self._lora = request("adapter", 1, str(lora if lora.is_dir() else lora.parent))
        self._llm: Any = vllm.LLM(model=str(directory), **options)

    def complete(self, requests: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        """As `ChatBackend`."""
        params = self._sampling_params(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=sampling.seed,
            logit_bias=self._bias,
        )
        for start in range(0, len(requests), CHUNK):
            chunk = requests[start : start + CHUNK]
            conversations = [
                [openai_message(message, self._limits) for message in request.messages]
                for request in chunk
            ]
            outputs = self._llm.chat(conversations, params, lora_request=self._lora, use_tqdm=False)
            for request, output in zip(chunk, outputs, strict=True):
                yield _result(request.id, output)


def _result(request_id: str, output: Any) -> ChatResult:
    completion = output.outputs[0]
    return ChatResult(
        request_id,
        completion.text,
        completion.finish_reason or "",
        len(output.prompt_token_ids),
        len(completion.token_ids),
    )
