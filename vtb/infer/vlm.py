"""`vtb infer vlm`: one answer in words per sample from a vision-language model, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from vtb.core.errors import UsageError
from vtb.core.files import append_line, atomic_write, read_json_lines, sha256_file
from vtb.data.store import Dataset, open_dataset
from vtb.infer.chat.protocol import ChatBackend, ChatMessage, ChatRequest, ChatResult, Sampling
from vtb.infer.folder import LIST_NAME, require_same_settings
from vtb.infer.result import InferResult
from vtb.infer.sources import DatasetSource
from vtb.run.lock import output_lock
from vtb.run.progress import progress
from vtb.run.provenance import versions

FAILED_NAME = "failed.jsonl"
BackendName: TypeAlias = Literal["transformers", "vllm", "openai"]


@dataclass(frozen=True, slots=True)
class VlmRequest:
    """The request as given: a checkpoint `model`, or a `served_model` at `base_url`.

    A checkpoint runs in this process, by transformers unless `backend` says vllm; `lora` is a PEFT
    adapter. An endpoint is asked by openai, which `backend` need not say.
    """

    data: Path
    out: Path
    model: Path | None = None
    lora: Path | None = None
    base_url: str | None = None
    served_model: str | None = None
    split: str = "test"
    sampling: Sampling = field(default_factory=Sampling)
    limit: int | None = None
    backend: BackendName | None = None
    device: str = "auto"
    concurrency: int = 64
    force: bool = False

    def check(self) -> None:
        """Raises UsageError unless exactly one model is named."""
        is_served = self.base_url is not None or self.served_model is not None
        if self.backend is not None and (self.backend == "openai") != is_served:
            raise UsageError(
                f"backend `{self.backend}` does not run this model",
                fact="transformers and vllm run a checkpoint, openai asks an endpoint",
                hint="--model DIR, or --base-url URL --served-model NAME",
            )
        if (self.model is not None) == is_served:
            raise UsageError(
                "nothing says which model answers" if not is_served else "two models are named",
                fact="either a checkpoint, or a model that an endpoint serves",
                hint="--model DIR, or --base-url URL --served-model NAME",
            )
        if is_served and (self.base_url is None or self.served_model is None):
            raise UsageError(
                "an endpoint needs both its address and the name of a model",
                fact=f"--base-url {self.base_url}, --served-model {self.served_model}",
                hint="for vLLM: --base-url http://localhost:8000/v1 --served-model NAME",
            )
        if is_served and self.lora is not None:
            raise UsageError(
                "an endpoint takes no LoRA file",
                fact=str(self.lora),
                hint="serve it there and give its name as --served-model",
            )

    @property
    def model_name(self) -> str:
        """What predictions say about their origin."""
        return str(self.served_model if self.model is None else self.model)


def infer_texts(request: VlmRequest, backend: ChatBackend | None = None) -> InferResult:
    """Asks for the answers that are not there yet, into `request.out`.

    Appends a line to `predictions.jsonl` per answer. What could not be answered stands in
    `failed.jsonl` and is asked for again next time, as is a puzzle that is drawn otherwise than it
    was. `backend` takes the place of the request's model. Raises UsageError for a request that
    names no model, ConflictError when the folder was made with other parameters, LockedError when
    it is in use, MissingEnvironmentError for an endpoint that does not answer.
    """
    start = time.monotonic()
    request.check()
    dataset = open_dataset(request.data)
    source = DatasetSource(dataset, request.split, "vlm")
    drawings = source.drawings(request.limit)
    failed: dict[str, str] = {}
    with output_lock(request.out):
        require_same_settings(
            request.out,
            _record(request, source),
            has_predictions=lambda: bool(_rows(request)),
            force=request.force,
        )
        present = {row["sample_id"]: row.get("drawing") for row in _rows(request)}
        todo = {name: drawing for name, drawing in drawings.items() if present.get(name) != drawing}
        if todo:
            failed = _ask_all(request, dataset, todo, backend or _backend(request))
    return InferResult(
        out=request.out,
        n=len(drawings),
        done=len(todo) - len(failed),
        skipped=len(drawings) - len(todo),
        failed=failed,
        seconds=time.monotonic() - start,
    )


def _backend(request: VlmRequest) -> ChatBackend:
    if request.model is None:
        from vtb.infer.chat.endpoint import EndpointBackend

        return EndpointBackend(
            str(request.base_url), str(request.served_model), concurrency=request.concurrency
        )
    from vtb.run.extras import require_train_extra

    require_train_extra()
    if request.backend == "vllm":
        from vtb.infer.chat.vllm import VllmBackend

        return VllmBackend(request.model, lora=request.lora)
    from vtb.infer.chat.local import LocalBackend
    from vtb.infer.device import place

    return LocalBackend(request.model, place(request.device), lora=request.lora)


def _record(request: VlmRequest, source: DatasetSource) -> dict[str, Any]:
    return {**_identity(request), **source.record(), **asdict(request.sampling)} | {
        "versions": versions()
    }


def _identity(request: VlmRequest) -> dict[str, Any]:
    if request.model is None:
        from vtb.infer.chat.endpoint import LIMITS

        served = {"base_url": request.base_url, "served_model": request.served_model}
        return {**served, "pictures": asdict(LIMITS)}
    from vtb.models.identity import weights_fingerprint
    from vtb.models.qwen3_vl.adapter import adapter_file
    from vtb.models.qwen3_vl.checkpoint import weight_files

    files = [request.model / file for file in weight_files(request.model)]
    adapter = None if request.lora is None else adapter_file(request.lora)
    return {
        "backend": request.backend or "transformers",
        "model": str(request.model),
        "model_fingerprint": weights_fingerprint(files),
        "lora": None if adapter is None else str(adapter),
        "lora_sha256": None if adapter is None else sha256_file(adapter),
    }


def _rows(request: VlmRequest) -> Sequence[Mapping[str, Any]]:
    return read_json_lines(request.out / LIST_NAME)


def _ask_all(
    request: VlmRequest, dataset: Dataset, todo: Mapping[str, str], backend: ChatBackend
) -> dict[str, str]:
    """Writes the answers; returns why others are missing."""
    failed: dict[str, str] = {}
    try:
        with progress("answering", len(todo)) as advance:
            asked = list(questions(dataset, todo))
            for result in backend.complete(asked, request.sampling):
                if result.error is None:
                    line = json.dumps(_line(request, result, todo[result.id]), ensure_ascii=False)
                    append_line(request.out / LIST_NAME, line)
                else:
                    failed[result.id] = result.error
                advance(1)
    finally:
        lines = (json.dumps({"sample_id": name, "error": text}) for name, text in failed.items())
        atomic_write(request.out / FAILED_NAME, "".join(f"{line}\n" for line in lines))
    return failed


def questions(dataset: Dataset, wanted: Iterable[str]) -> Iterator[ChatRequest]:
    """The question of each of the samples with these ids, under its id."""
    for name in wanted:
        row = dataset.row(name, ["prompt_vlm", "image", "image_vlm"])
        shown = row.get("image_vlm") or row["image"]
        message = ChatMessage("user", row["prompt_vlm"], (shown["bytes"],) if shown else ())
        yield ChatRequest(name, (message,))


def _line(request: VlmRequest, result: ChatResult, drawing: str) -> dict[str, Any]:
    return {
        "sample_id": result.id,
        "kind": "text",
        "text": result.text,
        "model": request.model_name,
        "seed": request.sampling.seed,
        "finish_reason": result.finish_reason,
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "drawing": drawing,
    }
