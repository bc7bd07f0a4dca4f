"""What a video model is asked to make: as requested, and with every default resolved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UsageError
from vtb.data.store import open_dataset
from vtb.infer.loras import LoraFiles
from vtb.infer.sources import ClipShape, DatasetSource, PromptSource, Source
from vtb.media.fit import Fit, FitMode, Size
from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.variants import WanVariant
from vtb.run.provenance import versions

if TYPE_CHECKING:
    from vtb.infer.device import Placement


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """The request as given; None takes the dataset's or the model's own value.

    The samples come from a split of the dataset `data`, or from one `prompt` with its `image`,
    which a model that takes no image does without. `size` is where the model works; clips come
    back in the size of their puzzle. Each of `loras` goes to the expert that it names; `lora_low`
    is one for the low-noise expert. `cfg` is the guidance scale of every expert. `batch` clips of
    equal size are made at a time, which changes memory and speed only.
    """

    model: Path
    out: Path
    data: Path | None = None
    split: str = "test"
    prompt: str | None = None
    image: Path | None = None
    loras: tuple[Path, ...] = ()
    lora_low: Path | None = None
    num_frames: int | None = None
    fps: float | None = None
    size: Size | None = None
    steps: int | None = None
    cfg: float | None = None
    fit: FitMode = "pad"
    seed: int = 42
    limit: int | None = None
    device: str = "auto"
    batch: int = 1
    force: bool = False

    def source(self, variant: WanVariant) -> Source:
        """Where the jobs come from; raises UsageError unless exactly one source is named."""
        if self.data is not None and self.prompt is None and self.image is None:
            return DatasetSource(open_dataset(self.data), self.split, "video")
        has_image = self.image is not None or not variant.takes_image
        if self.data is None and self.prompt is not None and has_image:
            return PromptSource(self.prompt, self.image, self.size or Size(*variant.sizes[0]))
        raise UsageError(
            "nothing says which clips to make",
            fact="either a dataset, or a prompt with its first frame",
            hint="--data DIR, or --prompt TEXT --image FILE",
        )


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """Everything that decides the frames of a clip, but for the puzzle and the weights.

    `cfg_low` and `boundary` are those of a model with two experts; see `Sampling`.
    """

    shape: ClipShape
    size: Size | None
    fit: FitMode
    size_multiple: int
    steps: int
    cfg: float
    cfg_low: float | None
    boundary: float | None
    shift: float
    seed: int

    def fit_of(self, picture_size: Size) -> Fit:
        """How a picture of that size comes into the model and back."""
        return Fit.of(picture_size, self.size, self.size_multiple, self.fit)

    def record(self) -> dict[str, Any]:
        """The settings as JSON; those of a second expert only where there is one."""
        experts = {"cfg_low": self.cfg_low, "boundary": self.boundary}
        return {
            "num_frames": self.shape.num_frames,
            "fps": self.shape.fps,
            "size": None if self.size is None else list(self.size),
            "fit": self.fit,
            "steps": self.steps,
            "cfg": self.cfg,
            **({} if self.boundary is None else experts),
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
    scales = variant.guidance_scales
    return VideoSettings(
        shape=shape,
        size=request.size,
        fit=request.fit,
        size_multiple=variant.size_multiple,
        steps=request.steps or variant.steps,
        cfg=scales[0] if request.cfg is None else request.cfg,
        cfg_low=scales[-1] if request.cfg is None else request.cfg,
        boundary=variant.boundary,
        shift=variant.shift,
        seed=request.seed,
    )


def run_record(
    request: VideoRequest,
    source: Source,
    checkpoint: WanCheckpoint,
    loras: LoraFiles,
    settings: VideoSettings,
    placement: Placement,
) -> dict[str, Any]:
    """The content of `infer.json`: hashes of model, LoRAs and source, and every parameter.

    All but the keys that `vtb.infer.folder` calls descriptive decide the frames of a clip together
    with its puzzle.
    `train_buckets` are those of the puzzles that LoRAs and model were trained on, as [start, stop),
    where their files say so.
    """
    return {
        "family": checkpoint.variant.family,
        "model": str(request.model),
        "model_fingerprint": weights_fingerprint(checkpoint.files),
        **loras.record(checkpoint),
        **source.record(),
        **settings.record(),
        "device": placement.device.partition(":")[0],
        "dtype": str(placement.dtype).removeprefix("torch."),
        "versions": versions(),
    }
