"""What an image model is asked to make: as requested, and with every default resolved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UsageError
from vtb.data.store import open_dataset
from vtb.infer.image.loras import lora_record, trained_on
from vtb.infer.sources import DatasetSource, PromptSource, Source
from vtb.media.fit import Fit, Size, fit_of
from vtb.models.identity import weights_fingerprint
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.models.qwen_image.variants import QwenImageVariant
from vtb.run.provenance import versions

if TYPE_CHECKING:
    from vtb.infer.device import Placement

# The published size of a picture that is made from a prompt alone.
PROMPT_SIZE = Size(1328, 1328)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The request as given; None takes the model's own value.

    The samples come from a split of the dataset `data`, or from one `prompt` with the `image` to
    edit, which a model that takes no image does without. `loras` are added up. `cfg` is the
    guidance scale.
    """

    model: Path
    out: Path
    data: Path | None = None
    split: str = "test"
    prompt: str | None = None
    image: Path | None = None
    loras: tuple[Path, ...] = ()
    steps: int | None = None
    cfg: float | None = None
    seed: int = 42
    limit: int | None = None
    device: str = "auto"
    force: bool = False

    @property
    def batch(self) -> int:
        """One: diffsynth takes no more."""
        return 1

    def source(self, variant: QwenImageVariant) -> Source:
        """Where the jobs come from; raises UsageError unless exactly one source is named."""
        if self.data is not None and self.prompt is None and self.image is None:
            return DatasetSource(open_dataset(self.data), self.split, "image")
        has_image = self.image is not None or variant.references == "none"
        if self.data is None and self.prompt is not None and has_image:
            return PromptSource(self.prompt, self.image, PROMPT_SIZE)
        raise UsageError(
            "nothing says which pictures to make",
            fact="either a dataset, or a prompt with the picture to edit",
            hint="--data DIR, or --prompt TEXT --image FILE",
        )


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Everything that decides a picture, but for the puzzle and the weights.

    Pictures have at most `max_pixels`; see `ImageDataTable` for `edit_image_auto_resize`.
    """

    steps: int
    cfg: float
    max_pixels: int
    edit_image_auto_resize: bool
    size_multiple: int
    seed: int

    def fit_of(self, picture_size: Size) -> Fit:
        """How a picture of that size comes into the model and back, as in training."""
        return fit_of(picture_size, self.max_pixels, self.size_multiple)

    def record(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {
            "steps": self.steps,
            "cfg": self.cfg,
            "max_pixels": self.max_pixels,
            "edit_image_auto_resize": self.edit_image_auto_resize,
            "seed": self.seed,
        }


def resolve(request: ImageRequest, variant: QwenImageVariant) -> ImageSettings:
    """Fills in what was not requested; sizes are those that the LoRAs were trained on."""
    pictures = trained_on(request.loras)
    return ImageSettings(
        steps=request.steps or variant.steps,
        cfg=variant.guidance_scale if request.cfg is None else request.cfg,
        max_pixels=pictures.max_pixels,
        edit_image_auto_resize=pictures.edit_image_auto_resize,
        size_multiple=variant.size_multiple,
        seed=request.seed,
    )


def run_record(
    request: ImageRequest,
    source: Source,
    checkpoint: QwenImageCheckpoint,
    settings: ImageSettings,
    placement: Placement,
) -> dict[str, Any]:
    """The content of `infer.json`, as that of `vtb infer video`."""
    return {
        "family": checkpoint.family,
        "model": str(request.model),
        "model_fingerprint": weights_fingerprint(checkpoint.files),
        **lora_record(checkpoint, request.loras),
        **source.record(),
        **settings.record(),
        "device": placement.device.partition(":")[0],
        "dtype": str(placement.dtype).removeprefix("torch."),
        "versions": versions(),
    }
