"""What a video model is asked to make: as requested, and with every default resolved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UsageError
from vtb.core.files import sha256_file
from vtb.data.store import open_dataset
from vtb.infer.sources import ClipShape, DatasetSource, PromptSource, Source
from vtb.media.fit import Fit, FitMode, Size
from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.run.provenance import versions

if TYPE_CHECKING:
    from vtb.infer.device import Placement

# Recorded, but a change of them spoils no clip: paths may move, and a data set may grow, since
# every clip is listed with the drawing of its own puzzle.
DESCRIPTIVE = ("model", "lora", "data", "manifest_hash", "split", "versions")


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """The request as given; None takes the dataset's or the model's own value.

    The samples come from a split of the dataset `data`, or from one `prompt` with its `image`.
    `size` is where the model works; clips come back in the size of their puzzle.
    """

    model: Path
    out: Path
    data: Path | None = None
    split: str = "test"
    prompt: str | None = None
    image: Path | None = None
    lora: Path | None = None
    num_frames: int | None = None
    fps: float | None = None
    size: Size | None = None
    steps: int | None = None
    cfg: float | None = None
    fit: FitMode = "pad"
    seed: int = 42
    limit: int | None = None
    device: str = "auto"
    force: bool = False

    def source(self) -> Source:
        """Where the jobs come from; raises UsageError unless exactly one source is named."""
        if self.data is not None and self.prompt is None and self.image is None:
            return DatasetSource(open_dataset(self.data), self.split)
        if self.data is None and self.prompt is not None and self.image is not None:
            return PromptSource(self.prompt, self.image)
        raise UsageError(
            "nothing says which clips to make",
            fact="either a dataset, or a prompt with its first frame",
            hint="--data DIR, or --prompt TEXT --image FILE",
        )


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """Everything that decides the frames of a clip, but for the puzzle and the weights."""

    shape: ClipShape
    size: Size | None
    fit: FitMode
    size_multiple: int
    steps: int
    cfg: float
    shift: float
    seed: int

    def fit_of(self, picture_size: Size) -> Fit:
        """How a picture of that size comes into the model and back."""
        return Fit.of(picture_size, self.size, self.size_multiple, self.fit)

    def record(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {
            "num_frames": self.shape.num_frames,
            "fps": self.shape.fps,
            "size": None if self.size is None else list(self.size),
            "fit": self.fit,
            "steps": self.steps,
            "cfg": self.cfg,
            "shift": self.shift,
            "seed": self.seed,
        }


def resolve(request: VideoRequest, source: Source, checkpoint: WanCheckpoint) -> VideoSettings:
    """Fills in what was not requested; raises UsageError for a clip the model cannot make."""
    variant = checkpoint.variant
    own = source.shape()
    shape = ClipShape(request.num_frames or own.num_frames, request.fps or own.fps)
    legal = Size(variant.size_multiple, variant.size_multiple)
    variant.check_geometry(shape.num_frames, *(request.size or legal))
    return VideoSettings(
        shape=shape,
        size=request.size,
        fit=request.fit,
        size_multiple=variant.size_multiple,
        steps=request.steps or variant.steps,
        cfg=variant.guidance_scale if request.cfg is None else request.cfg,
        shift=variant.shift,
        seed=request.seed,
    )


def run_record(
    request: VideoRequest,
    source: Source,
    checkpoint: WanCheckpoint,
    settings: VideoSettings,
    placement: Placement,
) -> dict[str, Any]:
    """The content of `infer.json`: hashes of model, LoRA and source, and every parameter.

    All but the keys in `DESCRIPTIVE` decide the frames of a clip together with its puzzle.
    `train_buckets` are those of the puzzles that the LoRA was trained on, as [start, stop), where
    its file says so.
    """
    return {
        "family": checkpoint.variant.family,
        "model": str(request.model),
        "model_fingerprint": weights_fingerprint(checkpoint.files),
        "lora": None if request.lora is None else str(request.lora),
        "lora_sha256": None if request.lora is None else sha256_file(request.lora),
        "train_buckets": None if request.lora is None else _train_buckets(request.lora),
        **source.record(),
        **settings.record(),
        "device": placement.device.partition(":")[0],
        "dtype": str(placement.dtype).removeprefix("torch."),
        "versions": versions(),
    }


def _train_buckets(lora: Path) -> list[int] | None:
    from vtb.models.wan.lora_file import read_metadata

    text = read_metadata(lora).get("train_buckets")
    return None if text is None else json.loads(text)
