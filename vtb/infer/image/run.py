"""`vtb infer image`: one picture per sample from a Qwen-Image model, resumable."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from vtb.core.splits import overlap_warnings
from vtb.core.types import Array, Picture
from vtb.infer.batches import Order
from vtb.infer.fill import fill
from vtb.infer.image.loras import read_sum
from vtb.infer.image.model import MakePicture, load_model
from vtb.infer.image.settings import ImageRequest, ImageSettings, resolve, run_record
from vtb.infer.result import InferResult
from vtb.infer.sources import PromptSource, Source
from vtb.infer.written import write_prediction
from vtb.media.fit import Fit, Size
from vtb.media.image import encode_png
from vtb.models.qwen_image.checkpoint import open_checkpoint
from vtb.models.qwen_image.variants import QwenImageVariant
from vtb.run.extras import require_train_extra


def infer_images(request: ImageRequest) -> InferResult:
    """Makes the pictures that are not there yet into `request.out`.

    Writes `<id>.png`, its sidecar `<id>.json` and a line of `predictions.jsonl` per sample, as
    `infer_videos` does, and raises what that raises.
    """
    start = time.monotonic()
    require_train_extra()
    from vtb.infer.device import place  # imports torch

    checkpoint = open_checkpoint(request.model)
    checkpoint.require(checkpoint.parts)
    source = request.source(checkpoint.variant)
    drawings = source.drawings(request.limit)
    settings = resolve(request, checkpoint.variant)
    placement = place(request.device)
    record = run_record(request, source, checkpoint, settings, placement)
    warnings = _warnings(checkpoint.variant, source, record["train_buckets"])

    def load(_: Collection[str]) -> PictureMaker:
        lora, doubts = read_sum(checkpoint, request.loras)
        warnings.extend(doubts)
        make_picture = load_model(request, checkpoint, lora, settings, placement)
        return PictureMaker(request, settings, make_picture)

    result = fill(request, source, drawings, record, load)
    return replace(result, seconds=time.monotonic() - start, warnings=warnings)


@dataclass(frozen=True, slots=True)
class PictureMaker:
    """Makes pictures with a loaded model and writes them as PNG."""

    request: ImageRequest
    settings: ImageSettings
    make_picture: MakePicture

    def fit_of(self, size: Size) -> Fit:
        """How a puzzle of that size comes into the model and back."""
        return self.settings.fit_of(size)

    def make(self, orders: Sequence[Order]) -> Iterable[Array]:
        """The pictures of orders, RGB uint8 (H, W, 3), in the model's size."""
        return map(self.make_picture, orders)

    def write(self, order: Order, made: Array) -> None:
        """Writes a picture in the size of its puzzle."""
        write_prediction(
            self.request.out,
            order,
            "image",
            encode_png(Picture(order.fit.undo_picture(made))),
            origin={
                "model": str(self.request.model),
                "run": ", ".join(map(str, self.request.loras)),
            },
            facts={**self.settings.record(), "picture_size": list(order.fit.source)},
        )


def _warnings(
    variant: QwenImageVariant, source: Source, train_buckets: Sequence[int] | None
) -> list[str]:
    shows_picture = not isinstance(source, PromptSource) or source.image is not None
    warnings = list(
        overlap_warnings(range(*train_buckets), source.buckets()) if train_buckets else ()
    )
    if shows_picture and variant.references == "none":
        warnings.append(
            f"{variant.family} takes no image: pictures follow the prompt alone, and the puzzle "
            "gives their size only"
        )
    return warnings
