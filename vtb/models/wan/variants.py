"""Facts about the Wan2.2 models, for planning and checking without torch.

Sources: the published repositories of Wan-AI and their config.json; structure hashes recomputed
from the architectures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vtb.core.errors import UsageError
from vtb.models.families import Part

PartName = Literal["dit", "text_encoder", "vae"]
TEXT_TOKENS = 512
TOKENIZER_DIRECTORY = "google/umt5-xxl"


@dataclass(frozen=True, slots=True)
class WanVariant:
    """One published model.

    `vae_stride` and `patch_size` are (time, height, width); `sizes` are (height, width) in px.
    `guidance_scale` and `shift` are the published inference settings.
    """

    family: str
    repository: str
    latent_channels: int
    vae_stride: tuple[int, int, int]
    patch_size: tuple[int, int, int]
    fps: float
    num_frames: int
    sizes: tuple[tuple[int, int], ...]
    steps: int
    shift: float
    guidance_scale: float
    lora_targets: tuple[str, ...]
    parts: tuple[Part, ...]

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


def check_geometry(
    num_frames: int, height: int, width: int, *, time_stride: int, size_multiple: int
) -> None:
    """Raises UsageError unless there are stride*n+1 frames and both sides are multiples."""
    if num_frames < 1 or (num_frames - 1) % time_stride:
        low = max(0, num_frames - 1) // time_stride * time_stride + 1
        raise UsageError(
            f"the model cannot make {num_frames} frames",
            fact=f"the number of frames is {time_stride}n+1",
            hint=f"use {low} or {low + time_stride} frames",
        )
    if height % size_multiple or width % size_multiple or min(height, width) < size_multiple:
        nearest = "x".join(str(_nearest(side, size_multiple)) for side in (height, width))
        raise UsageError(
            f"the model cannot make clips of {height}x{width}",
            fact=f"height and width are multiples of {size_multiple}",
            hint=f"the nearest legal size is {nearest}",
        )


def _nearest(side: int, multiple: int) -> int:
    return max(multiple, (side + multiple // 2) // multiple * multiple)


TOKENIZER = Part(
    "tokenizer",
    tuple(f"{TOKENIZER_DIRECTORY}/{name}" for name in ("tokenizer.json", "tokenizer_config.json")),
)

TI2V_5B = WanVariant(
    family="wan2.2-ti2v-5b",
    repository="Wan-AI/Wan2.2-TI2V-5B",
    latent_channels=48,
    vae_stride=(4, 16, 16),
    patch_size=(1, 2, 2),
    fps=24,
    num_frames=121,
    sizes=((704, 1280), (1280, 704)),
    steps=50,
    shift=5.0,
    guidance_scale=5.0,
    lora_targets=("q", "k", "v", "o", "ffn.0", "ffn.2"),
    parts=(
        Part("config", ("config.json",)),
        Part(
            "dit",
            tuple(f"diffusion_pytorch_model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3)),
            "1f5ab7703c6fc803fdded85ff040c316",
            {
                "dim": 3072,
                "in_dim": 48,
                "ffn_dim": 14336,
                "out_dim": 48,
                "text_dim": 4096,
                "freq_dim": 256,
                "eps": 1e-6,
                "patch_size": (1, 2, 2),
                "num_heads": 24,
                "num_layers": 30,
                "has_image_input": False,
                "seperated_timestep": True,  # upstream's spelling
                "require_clip_embedding": False,
                "require_vae_embedding": False,
                "fuse_vae_embedding_in_latents": True,
            },
        ),
        Part(
            "text_encoder",
            ("models_t5_umt5-xxl-enc-bf16.pth",),
            "9c8818c2cbea55eca56c7b447df170da",
        ),
        Part("vae", ("Wan2.2_VAE.pth",), "e1de6c02cdac79f8b739f4d3698cd216"),
        TOKENIZER,
    ),
)

VARIANTS: Mapping[str, WanVariant] = {TI2V_5B.family: TI2V_5B}
