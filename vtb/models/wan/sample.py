"""Clips from a velocity predictor and conditions that are encoded already.

Shapes: B batch, C latent channels, T latent frames, h and w latent height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vtb.core.types import Array
from vtb.models.wan.generate import TILE_AREA_PX

# (noisy latents, timesteps (B,), context, is_image_conditioned (B,), image condition) to velocity
Predictor = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]

# As diffsynth tiles by default, in latents (height, width).
TILE_SIZE, TILE_STRIDE = (30, 52), (15, 26)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What B clips follow.

    `context` (B, 512, text dim); `first_frame` (B, C, 1, h, w) stays the first latent frame
    (TI2V); `image_condition` (B, 4 + C, T, h, w) joins the latents as channels (I2V).
    """

    context: Tensor
    first_frame: Tensor | None = None
    image_condition: Tensor | None = None


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
) -> Tensor:
    """Clean latents, float32 like `noise` (B, C, T, h, w), by Euler's method.

    The model reads `dtype`. With `cfg` above 1 it is also asked with `negative_context` instead of
    the context, of the same shape or with B = 1, and its answer is extrapolated away from that.
    """
    assert cfg == 1 or negative_context is not None
    count, first = len(noise), conditions.first_frame
    is_given = torch.full((count,), first is not None, device=noise.device)
    context = conditions.context.to(dtype)
    image = None if conditions.image_condition is None else conditions.image_condition.to(dtype)
    sigmas = inference_sigmas(steps, shift)
    latents = _beginning_with(first, noise)
    for sigma, after in zip(sigmas.tolist(), sigmas[1:].tolist(), strict=False):
        timesteps = torch.full((count,), 1000 * sigma, device=noise.device).to(dtype)
        inputs = latents.to(dtype)
        velocity = predict(inputs, timesteps, context, is_given, image).float()
        if cfg != 1 and negative_context is not None:
            negative = negative_context.to(dtype).expand_as(context)
            without = predict(inputs, timesteps, negative, is_given, image).float()
            velocity = without + cfg * (velocity - without)
        latents = _beginning_with(first, latents + (after - sigma) * velocity)
    return latents


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> Array:
    """One clip's latents (C, T, h, w), in the precision of diffsynth's VAE, as its frames.

    RGB uint8 (frames, height, width, 3); tiled where `generate` tiles too.
    """
    height, width = (side * vae.upsampling_factor for side in latents.shape[2:])
    video: Tensor = vae.decode(
        latents[None],
        device=latents.device,
        tiled=height * width > TILE_AREA_PX,
        tile_size=TILE_SIZE,
        tile_stride=TILE_STRIDE,
    )[0]
    levels = ((video + 1) * 127.5).clip(0, 255).to("cpu", torch.uint8)
    return levels.permute(1, 2, 3, 0).contiguous().numpy()


def _beginning_with(first: Tensor | None, latents: Tensor) -> Tensor:
    if first is None:
        return latents
    return torch.cat([first.to(latents.dtype), latents[:, :, 1:]], dim=2)
