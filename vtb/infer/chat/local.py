"""A Qwen3-VL checkpoint in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from vtb.infer.chat.protocol import ChatMessage, ChatRequest, ChatResult, Sampling
from vtb.infer.device import Placement
from vtb.models.qwen3_vl.checkpoint import has_processor, media_token_ids
from vtb.models.qwen3_vl.load import add_adapter, load_model, load_processor, picture_limits
from vtb.models.qwen3_vl.pictures import PictureLimits

BATCH_TOKENS = 16_384
# A token is 32x32 px of a picture; English has about four characters per token.
PIXELS_PER_TOKEN, CHARACTERS_PER_TOKEN = 1024, 4


class LocalBackend:
    """Answers in batches of requests of about equal length.

    A batch holds `batch_tokens` tokens, new ones included; one that does not fit into the memory
    of the device is halved. Pictures are scaled within `limits`, else within those of the
    processor: the adapter's, if it brings one, because it was trained with that.
    """

    def __init__(
        self,
        directory: Path,
        placement: Placement,
        *,
        lora: Path | None = None,
        limits: PictureLimits | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        source = lora if lora is not None and has_processor(lora) else directory
        self._processor: Any = load_processor(source, limits)
        self._processor.tokenizer.padding_side = "left"
        self._limits = picture_limits(self._processor)
        model: Any = load_model(directory, placement.dtype)
        if lora is not None:
            add_adapter(model, directory, lora)
        self._model = model.to(placement.device)
        self._device, self._batch_tokens = placement.device, batch_tokens
        self._media = media_token_ids(directory)

    def complete(self, requests: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        """As `ChatBackend`; the longest requests first, so that too large a batch shows at once."""
        for batch in batches(requests, self._batch_tokens, sampling.max_tokens):
            yield from self._answers(batch, sampling)

    def _answers(self, batch: Sequence[ChatRequest], sampling: Sampling) -> Iterator[ChatResult]:
        try:
            results = self._generate(batch, sampling)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            results = None  # only outside are the frames gone that held the activations
        if results is not None:
            yield from results
            return
        torch.cuda.empty_cache()
        middle = len(batch) // 2
        yield from self._answers(batch[:middle], sampling)
        yield from self._answers(batch[middle:], sampling)

    @torch.inference_mode()
    def _generate(self, batch: Sequence[ChatRequest], sampling: Sampling) -> list[ChatResult]:
        inputs = self._processor.apply_chat_template(
            [[self._turn(message) for message in request.messages] for request in batch],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(self._device, self._model.dtype)
        drawn = sampling.temperature > 0
        torch.manual_seed(sampling.seed)
        tokens = self._model.generate(
            **inputs,
            max_new_tokens=sampling.max_tokens,
            do_sample=drawn,
            suppress_tokens=self._media,
            **({"temperature": sampling.temperature, "top_p": sampling.top_p} if drawn else {}),
        )[:, inputs["input_ids"].shape[1] :].cpu()
        lengths: list[int] = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._result(request, answer, length)
            for request, answer, length in zip(batch, tokens, lengths, strict=True)
        ]

    def _turn(self, message: ChatMessage) -> dict[str, Any]:
        pictures = (self._limits.fitted(Image.open(BytesIO(png))) for png in message.images)
        parts: list[dict[str, Any]] = [{"type": "image", "image": picture} for picture in pictures]
        return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}

    def _result(self, request: ChatRequest, answer: torch.Tensor, prompt_tokens: int) -> ChatResult:
        ends = torch.isin(answer, torch.tensor(self._ends)).nonzero()
        count = int(ends[0]) if len(ends) else len(answer)
        text: str = self._processor.tokenizer.decode(answer[:count], skip_special_tokens=True)
        reason = "stop" if len(ends) else "length"
        return ChatResult(request.id, text, reason, prompt_tokens, count)

    @property
    def _ends(self) -> list[int]:
        ends: int | list[int] = self._model.generation_config.eos_token_id
        return ends if isinstance(ends, list) else [ends]


def batches(
    requests: Sequence[ChatRequest], batch_tokens: int, new_tokens: int
) -> Iterator[list[ChatRequest]]:
    """Yields the requests, longest first, as many at a time as fit padded into `batch_tokens`."""
    batch: list[ChatRequest] = []
    longest = 0
    for request in sorted(requests, key=_rough_tokens, reverse=True):
        longest = longest or _rough_tokens(request)
        if batch and (len(batch) + 1) * (longest + new_tokens) > batch_tokens:
            yield batch
            batch, longest = [], _rough_tokens(request)
        batch.append(request)
    if batch:
        yield batch


def _rough_tokens(request: ChatRequest) -> int:
    return 1 + sum(
        len(message.text) // CHARACTERS_PER_TOKEN + sum(map(_picture_tokens, message.images))
        for message in request.messages
    )


def _picture_tokens(png: bytes) -> int:
    with Image.open(BytesIO(png)) as picture:
        return picture.width * picture.height // PIXELS_PER_TOKEN
