"""`vtb infer video`: one clip per sample from a Wan model, resumable."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from vtb.core.errors import UnreadableError
from vtb.core.splits import overlap_warnings
from vtb.core.types import Array
from vtb.infer.batches import Order
from vtb.infer.fill import fill
from vtb.infer.loras import assign_loras
from vtb.infer.model import MakeFrames, load_model
from vtb.infer.result import InferResult
from vtb.infer.settings import VideoRequest, VideoSettings, resolve, run_record
from vtb.infer.sources import PromptSource, Source
from vtb.infer.written import write_prediction
from vtb.media.fit import Fit, Size
from vtb.media.video import encode, probe
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.models.wan.variants import WanVariant
from vtb.run.extras import require_train_extra


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

    def load(todo: Collection[str]) -> ClipMaker:
        loras, doubts = files.read(checkpoint)
        warnings.extend(doubts)
        prompts = [text for name, text in source.prompts(request.limit).items() if name in todo]
        make_frames = load_model(request, checkpoint, loras, settings, placement, prompts)
        return ClipMaker(request, settings, files.text, make_frames)

    result = fill(request, source, drawings, record, load)
    return replace(result, seconds=time.monotonic() - start, warnings=warnings)


@dataclass(frozen=True, slots=True)
class ClipMaker:
    """Makes clips with a loaded model and `loras`, and writes them as MP4."""

    request: VideoRequest
    settings: VideoSettings
    loras: str
    make_frames: MakeFrames

    def fit_of(self, size: Size) -> Fit:
        """How a puzzle of that size comes into the model and back."""
        return self.settings.fit_of(size)

    def make(self, orders: Sequence[Order]) -> Iterable[Array]:
        """The clips of orders of one size, RGB uint8 (T, H, W, 3), in the model's size."""
        return self.make_frames(orders)

    def write(self, order: Order, made: Array) -> None:
        """Writes a clip; raises UnreadableError unless it decodes to the right length."""
        shown = order.fit.undo(made)
        write_prediction(
            self.request.out,
            order,
            "video",
            _mp4(shown, self.settings),
            origin={"model": str(self.request.model), "run": self.loras},
            facts={**self.settings.record(), "clip_size": list(shown.shape[1:3])},
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


def _mp4(frames: Array, settings: VideoSettings) -> bytes:
    num_frames, height, width = frames.shape[:3]
    clip = encode(frames, num_frames=num_frames, height=height, width=width, fps=settings.shape.fps)
    found = probe(clip).num_frames
    if found != settings.shape.num_frames:
        raise UnreadableError(
            "the clip has the wrong length",
            fact=f"{found} frames instead of {settings.shape.num_frames}",
        )
    return clip
