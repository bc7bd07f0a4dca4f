"""`vtb infer video`: one clip per sample from a Wan model, resumable."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence

from vtb.core.errors import UnreadableError
from vtb.core.files import remove_stale_temporaries
from vtb.core.splits import overlap_warnings
from vtb.infer.batches import Order, batches
from vtb.infer.folder import require_same_settings
from vtb.infer.loras import LoraFiles, assign_loras
from vtb.infer.model import MakeFrames, load_model
from vtb.infer.result import InferResult
from vtb.infer.settings import VideoRequest, VideoSettings, resolve, run_record
from vtb.infer.sources import PromptSource, Source
from vtb.infer.written import finished, write_clip
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.models.wan.variants import WanVariant
from vtb.run.extras import require_train_extra
from vtb.run.lock import output_lock
from vtb.run.progress import progress


def infer_videos(request: VideoRequest) -> InferResult:
    """Makes the clips that are not there yet into `request.out`.

    Writes `<id>.mp4`, its sidecar `<id>.json` and a line of `predictions.jsonl` per sample, in
    that order, so that a listed clip is a whole one. Raises UsageError for a clip the model
    cannot make, UnreadableError for a LoRA that does not belong to it, ConflictError when the
    folder was made with other parameters, LockedError when it is in use. A clip is made again when
    its puzzle is drawn otherwise than it was.
    """
    start = time.monotonic()
    require_train_extra()
    from vtb.infer.device import place  # imports torch

    checkpoint = open_checkpoint(request.model)
    checkpoint.require(checkpoint.parts)
    source = request.source(checkpoint.variant)
    drawings = source.drawings(request.limit)
    settings = resolve(request, source, checkpoint)
    placement = place(request.device)
    files = assign_loras(checkpoint.variant, request.loras, request.lora_low)
    record = run_record(request, source, checkpoint, files, settings, placement)
    warnings = _warnings(checkpoint.variant, source, record["train_buckets"])
    with output_lock(request.out):
        remove_stale_temporaries(request.out)
        require_same_settings(
            request.out,
            record,
            has_predictions=lambda: bool(finished(request.out)),
            force=request.force,
        )
        present = finished(request.out)
        todo = {name: d for name, d in drawings.items() if present.get(name) != d}
        failed: dict[str, str] = {}
        if todo:
            loras, doubts = files.read(checkpoint)
            warnings += doubts
            prompts = [text for name, text in source.prompts(request.limit).items() if name in todo]
            make_frames = load_model(request, checkpoint, loras, settings, placement, prompts)
            failed = _make_all(request, source, files, settings, todo, make_frames)
    return InferResult(
        out=request.out,
        n=len(drawings),
        done=len(todo) - len(failed),
        skipped=len(drawings) - len(todo),
        failed=failed,
        seconds=time.monotonic() - start,
        warnings=warnings,
    )


def _warnings(
    variant: WanVariant, source: Source, train_buckets: Sequence[int] | None
) -> list[str]:
    shows_picture = not isinstance(source, PromptSource) or source.image is not None
    warnings = list(
        overlap_warnings(range(*train_buckets), source.buckets()) if train_buckets else ()
    )
    if shows_picture and not variant.takes_image:
        warnings.append(
            f"{variant.family} takes no image: clips follow the prompt alone and do not begin with "
            "the picture, which gives their size only"
        )
    return warnings


def sample_seed(seed: int, sample_id: str) -> int:
    """The seed of one clip: it depends on the root seed and the id, not on order or limit."""
    digest = hashlib.blake2b(f"{seed}/{sample_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def _make_all(
    request: VideoRequest,
    source: Source,
    files: LoraFiles,
    settings: VideoSettings,
    todo: Mapping[str, str],
    make_frames: MakeFrames,
) -> dict[str, str]:
    """Makes the clips of the drawings in `todo`; returns why others could not be made."""
    failed: dict[str, str] = {}
    with progress("generating", len(todo)) as advance:

        def orders() -> Iterator[Order]:
            for sample_id in todo:
                try:
                    job = source.job(sample_id)
                except UnreadableError as error:
                    failed[sample_id] = str(error)
                    advance(1)
                else:
                    seed = sample_seed(settings.seed, sample_id)
                    yield Order(job, settings.fit_of(job.size), seed)

        for batch in batches(orders(), request.batch):
            for order, frames in zip(batch, make_frames(batch), strict=True):
                name = order.job.sample_id
                try:
                    write_clip(
                        request, settings, order, frames, drawing=todo[name], loras=files.text
                    )
                except UnreadableError as error:
                    failed[name] = str(error)
            # A batch is made as a whole; counting its clips one by one would mislead the estimate.
            advance(len(batch))
    return failed
