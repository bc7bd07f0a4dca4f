"""Facts about the Wan2.2 models, for planning and checking without torch.

Sources: the published repositories of Wan-AI, their config.json and inference configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vtb.core.errors import UsageError
from vtb.models.families import Part
from vtb.models.wan.geometry import check_geometry
from vtb.models.wan.published import (
    I2V_A14B_PARTS,
    T2V_A14B_PARTS,
    TI2V_5B_PARTS,
)

PartName = Literal["dit", "dit2", "text_encoder", "vae"]
Expert = Literal["high", "low"]
# Which part holds which expert; a model with one transformer has it in `dit`.
EXPERTS: Mapping[Expert, PartName] = {"high": "dit", "low": "dit2"}
TEXT_TOKENS = 512
LORA_TARGETS = ("q", "k", "v", "o", "ffn.0", "ffn.2")
A14B_SIZES = ((480, 832), (832, 480), (720, 1280), (1280, 720))


@dataclass(frozen=True, slots=True)
class WanVariant:
    """One published model.

    `vae_stride` and `patch_size` are (time, height, width); `sizes` are (height, width) in px.
    `steps`, `shift` and `guidance_scales` are the published inference settings, the last one per
    transformer, high-noise expert first. `boundary` is the sigma below which the low-noise expert
    takes over, None for a model with one transformer. `takes_image` says whether a clip can begin
    with a given picture.
    """

    family: str
    repository: str
    takes_image: bool
    latent_channels: int
    vae_stride: tuple[int, int, int]
    patch_size: tuple[int, int, int]
    fps: float
    num_frames: int
    sizes: tuple[tuple[int, int], ...]
    steps: int
    shift: float
    guidance_scales: tuple[float, ...]
    boundary: float | None
    lora_targets: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def transformers(self) -> tuple[Part, ...]:
        """The one transformer, or the high-noise and the low-noise expert."""
        return tuple(part for part in self.parts if part.architecture == "dit")

    @property
    def in_channels(self) -> int:
        """Channels a transformer reads: the latents', and those of the image condition `y`."""
        return self.transformers[0].arguments["in_dim"]

    @property
    def out_channels(self) -> int:
        """Channels of the predicted velocity: the latents'."""
        return self.transformers[0].arguments["out_dim"]

    @property
    def size_multiple(self) -> int:
        """Height and width must be multiples of this many px: one token of the transformer."""
        return self.vae_stride[1] * self.patch_size[1]

    def latent_frames(self, num_frames: int) -> int:
        """Number of latent frames of a clip of 4n+1 frames."""
        return (num_frames - 1) // self.vae_stride[0] + 1

    def tokens(self, num_frames: int, height: int, width: int) -> int:
        """Length of the transformer's sequence for one clip."""
        per_frame = (height // self.size_multiple) * (width // self.size_multiple)
        return self.latent_frames(num_frames) * per_frame

    def check_geometry(self, num_frames: int, height: int, width: int) -> None:
        """Raises UsageError naming the nearest legal values for an illegal clip geometry."""
        check_geometry(
            num_frames,
            height,
            width,
            time_stride=self.vae_stride[0],
            size_multiple=self.size_multiple,
        )

    def check_expert(self, expert: Expert | None) -> None:
        """Raises UsageError for an expert of a model that has one transformer."""
        if expert is not None and self.boundary is None:
            raise UsageError(
                f"`{self.family}` has no {expert}-noise expert",
                fact="it has one transformer",
                hint="leave the expert out",
            )


TI2V_5B = WanVariant(
    family="wan2.2-ti2v-5b",
    repository="Wan-AI/Wan2.2-TI2V-5B",
    takes_image=True,
    latent_channels=48,
    vae_stride=(4, 16, 16),
    patch_size=(1, 2, 2),
    fps=24,
    num_frames=121,
    sizes=((704, 1280), (1280, 704)),
    steps=50,
    shift=5.0,
    guidance_scales=(5.0,),
    boundary=None,
    lora_targets=LORA_TARGETS,
    parts=TI2V_5B_PARTS,
)
T2V_A14B = WanVariant(
    family="wan2.2-t2v-a14b",
    repository="Wan-AI/Wan2.2-T2V-A14B",
    takes_image=False,
    latent_channels=16,
    vae_stride=(4, 8, 8),
    patch_size=(1, 2, 2),
    fps=16,
    num_frames=81,
    sizes=A14B_SIZES,
    steps=40,
    shift=12.0,
    guidance_scales=(4.0, 3.0),
    boundary=0.875,
    lora_targets=LORA_TARGETS,
    parts=T2V_A14B_PARTS,
)
I2V_A14B = WanVariant(
    family="wan2.2-i2v-a14b",
    repository="Wan-AI/Wan2.2-I2V-A14B",
    takes_image=True,
    latent_channels=16,
    vae_stride=(4, 8, 8),
    patch_size=(1, 2, 2),
    fps=16,
    num_frames=81,
    sizes=A14B_SIZES,
    steps=40,
    shift=5.0,
    guidance_scales=(3.5, 3.5),
    boundary=0.900,
    lora_targets=LORA_TARGETS,
    parts=I2V_A14B_PARTS,
)

VARIANTS: Mapping[str, WanVariant] = {v.family: v for v in (TI2V_5B, T2V_A14B, I2V_A14B)}
