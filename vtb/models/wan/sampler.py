"""Clips from a loaded model, its encoded prompts and first frames.

Shapes: B clips, C latent channels, T latent frames, h and w latent height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vtb.core.types import Array
from vtb.models.wan.context import padded
from vtb.models.wan.encode import encode_first_frames
from vtb.models.wan.fast import WanForward
from vtb.models.wan.sample import Conditions, LowNoise, Predictor, decode, denoise
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline


@dataclass(frozen=True, slots=True)
class Sampling:
    """How every clip is made.

    `cfg` is the guidance scale. A model with two experts needs `boundary`, the sigma below which
    the low-noise one takes over, with its own scale `cfg_low`.
    """

    num_frames: int
    steps: int
    shift: float
    cfg: float
    cfg_low: float | None = None
    boundary: float | None = None

    @property
    def is_guided(self) -> bool:
        """Whether any step asks the model a second time, with the negative prompt."""
        return self.cfg != 1 or (self.boundary is not None and self.cfg_low != 1)


class ClipSampler:
    """Makes batches of clips with the transformers and the VAE of a pipeline.

    `negative` (n, text dim) is the encoded negative prompt, needed for guidance. What diffsynth
    prints goes to `log`.
    """

    def __init__(
        self,
        pipe: WanVideoPipeline,
        sampling: Sampling,
        negative: Tensor | None = None,
        log: Path | None = None,
    ) -> None:
        self._pipe: Any = pipe
        self._sampling = sampling
        self._negative = None if negative is None else padded([negative]).to(pipe.device)
        self._log = log
        self._predict = _forward(self._pipe.dit)
        self._low: LowNoise | None = None
        if self._pipe.dit2 is not None:
            assert sampling.boundary is not None and sampling.cfg_low is not None
            low = _forward(self._pipe.dit2)
            self._low = LowNoise(low, sampling.boundary, sampling.cfg_low)

    def frames(
        self,
        contexts: Sequence[Tensor],
        seeds: Sequence[int],
        size: tuple[int, int],
        pictures: Array | None = None,
    ) -> Array:
        """Clips as RGB uint8 (B, num_frames, height, width, 3); arguments as of `latents`."""
        with quiet(self._log):
            latents = self.latents(contexts, seeds, size, pictures)
            return decode(self._pipe.vae, latents.to(self._pipe.torch_dtype))

    def latents(
        self,
        contexts: Sequence[Tensor],
        seeds: Sequence[int],
        size: tuple[int, int],
        pictures: Array | None = None,
    ) -> Tensor:
        """Clean latents, float32 (B, C, T, h, w), of clips of `size` (height, width) px.

        One encoded prompt (n, text dim) and one seed per clip; a clip depends on nothing but its
        own. `pictures`, RGB uint8 (B, height, width, 3), become the first frames.
        """
        pipe, sampling = self._pipe, self._sampling
        given = {}
        if pictures is not None:
            given = encode_first_frames(pipe, pictures, sampling.num_frames)
        return denoise(
            self._predict,
            torch.stack([self._noise(seed, size) for seed in seeds]).to(pipe.device),
            Conditions(padded(contexts).to(pipe.device), **given),
            steps=sampling.steps,
            shift=sampling.shift,
            dtype=pipe.torch_dtype,
            cfg=sampling.cfg,
            negative_context=self._negative,
            low=self._low,
        )

    def _noise(self, seed: int, size: tuple[int, int]) -> Tensor:
        """As diffsynth draws it for a clip: on the CPU, in float32."""
        vae = self._pipe.vae
        frames = (self._sampling.num_frames - 1) // self._pipe.time_division_factor + 1
        shape = (vae.z_dim, frames, *(side // vae.upsampling_factor for side in size))
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _forward(dit: Any) -> Predictor:
    return WanForward(dit, compile=False, num_checkpointed=0)
