"""Clips from a velocity predictor and conditions that are encoded already.

Shapes: B batch, C latent channels, T latent frames, h and w latent height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vtb.core.types import Array

# (noisy latents, timesteps (B,), context, is_image_conditioned (B,), image condition) to velocity
Predictor = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]

# As diffsynth tiles by default, in latents (height, width). A clip that fits in one tile of the
# Wan2.2 VAE needs no more memory undivided, and has no seams.
TILE_SIZE, TILE_STRIDE = (30, 52), (15, 26)
TILE_AREA_PX = 480 * 832


@dataclass(frozen=True, slots=True)
class Conditions:
    """What B clips follow.

    `context` (B, S, text dim) as of `padded`; `first_frame` (B, C, 1, h, w) stays the first latent
    frame (TI2V); `image_condition` (B, 4 + C, T, h, w) joins the latents as channels (I2V).
    """

    context: Tensor
    first_frame: Tensor | None = None
    image_condition: Tensor | None = None


class LowNoise(NamedTuple):
    """The expert that takes over below `boundary`, a sigma, with its own guidance scale."""

    predict: Predictor
    boundary: float
    cfg: float


def inference_sigmas(steps: int, shift: float) -> Tensor:
    """Wan's share of noise before each step and, 0, after the last; float32 (steps + 1,)."""
    u = torch.linspace(1.0, 0.0, steps + 1)
    return shift * u / (1 + (shift - 1) * u)


@torch.no_grad()
def denoise(
    predict: Predictor,
    noise: Tensor,
    conditions: Conditions,
    *,
    steps: int,
    shift: float,
    dtype: torch.dtype,
    cfg: float = 1.0,
    negative_context: Tensor | None = None,
    low: LowNoise | None = None,
) -> Tensor:
    """Clean latents, float32 like `noise` (B, C, T, h, w), by Euler's method.

    The model reads `dtype`. With a `cfg` other than 1 it is also asked with `negative_context`
    instead of the context, of any S and with B = 1, and its answer is extrapolated away from
    that.
    """
    assert negative_context is not None or (cfg == 1 and (low is None or low.cfg == 1))
    count, first = len(noise), conditions.first_frame
    is_given = torch.full((count,), first is not None, device=noise.device)
    context = conditions.context.to(dtype)
    image = None if conditions.image_condition is None else conditions.image_condition.to(dtype)
    sigmas = inference_sigmas(steps, shift)
    latents = _beginning_with(first, noise)
    for timestep, change in zip((1000 * sigmas).tolist(), sigmas.diff().tolist(), strict=False):
        expert, scale = predict, cfg
        # By timesteps, not sigmas, as diffsynth: one that lies on the boundary may be rounded.
        if low is not None and timestep < 1000 * low.boundary:
            expert, scale = low.predict, low.cfg
        timesteps = torch.full((count,), timestep, device=noise.device).to(dtype)
        inputs = latents.to(dtype)
        velocity = expert(inputs, timesteps, context, is_given, image).float()
        if scale != 1 and negative_context is not None:
            negative = negative_context.to(dtype).expand(count, -1, -1)
            without = expert(inputs, timesteps, negative, is_given, image).float()
            velocity = without + scale * (velocity - without)
        latents = _beginning_with(first, latents + change * velocity)
    return latents


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> Array:
    """Latents (B, C, T, h, w), in the precision of diffsynth's VAE, as frames.

    RGB uint8 (B, frames, height, width, 3). Large clips are decoded one by one, in tiles.
    """
    height, width = (side * vae.upsampling_factor for side in latents.shape[3:])
    video: Tensor
    if height * width > TILE_AREA_PX:
        tiles = {"tile_size": TILE_SIZE, "tile_stride": TILE_STRIDE}
        video = vae.decode(latents, device=latents.device, tiled=True, **tiles)
    else:
        video = vae.model.decode(latents, vae.scale)
    levels = ((video + 1) * 127.5).clip(0, 255).to("cpu", torch.uint8)
    return levels.permute(0, 2, 3, 4, 1).contiguous().numpy()


def _beginning_with(first: Tensor | None, latents: Tensor) -> Tensor:
    if first is None:
        return latents
    return torch.cat([first.to(latents.dtype), latents[:, :, 1:]], dim=2)
