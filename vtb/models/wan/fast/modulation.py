"""What the timestep does to the tokens: shifts, scales and gates, at most two sets per sample.

Shapes: B batch, R rows (timesteps per sample, 1 or 2), F latent frames or 1, L tokens, D width.
The tokens of a clip come frame by frame, so a value per frame reaches its tokens by broadcasting:
no mask, no concatenation, and nothing of size (B, L, D) is kept for the backward pass.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

MAX_PERIOD = 10_000


class TimeModulation(NamedTuple):
    """The embedded timesteps, `head` (B, F, D), and their projection, `blocks` (B, F, 6, D)."""

    head: Tensor
    blocks: Tensor


def time_modulation(
    dit: Any, timesteps: Tensor, is_image_conditioned: Tensor, num_frames: int
) -> TimeModulation:
    """Runs the time MLP once per distinct timestep and spreads the result over latent frames.

    `timesteps` and `is_image_conditioned` are (B,). F is `num_frames` for a model that sees a
    given first frame at timestep 0, else 1.
    """
    rows = timestep_rows(dit, timesteps, is_image_conditioned)
    embedded = dit.time_embedding(sinusoid(rows, dit.freq_dim))
    projected = dit.time_projection(embedded).unflatten(-1, (6, -1))
    return TimeModulation(_per_frame(embedded, num_frames), _per_frame(projected, num_frames))


def timestep_rows(dit: Any, timesteps: Tensor, is_image_conditioned: Tensor) -> Tensor:
    """The timesteps of the first latent frame and of the others, (B, 2); (B, 1) when they agree."""
    if not (dit.seperated_timestep and dit.fuse_vae_embedding_in_latents):
        return timesteps[:, None]
    first = torch.where(is_image_conditioned, 0, timesteps)
    return torch.stack([first, timesteps], dim=1)


def sinusoid(timesteps: Tensor, dim: int) -> Tensor:
    """Cosines, then sines, of the timesteps at `dim / 2` frequencies: (...) to (..., dim).

    Computed in float64 from the timestep as given and returned in its dtype, as diffsynth does.
    """
    exponents = torch.arange(dim // 2, dtype=torch.float64, device=timesteps.device) / (dim // 2)
    angles = timesteps.double()[..., None] * torch.pow(MAX_PERIOD, -exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1).to(timesteps.dtype)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`x (1 + scale) + shift`; x (B, L, D), shift and scale (B, F, D)."""
    return (_by_frame(x, scale) * (1 + scale[:, :, None]) + shift[:, :, None]).view_as(x)


def gate(x: Tensor, factor: Tensor) -> Tensor:
    """`factor x`; x (B, L, D), factor (B, F, D)."""
    return (_by_frame(x, factor) * factor[:, :, None]).view_as(x)


def _by_frame(x: Tensor, per_frame: Tensor) -> Tensor:
    return x.unflatten(1, (per_frame.shape[1], -1))


def _per_frame(rows: Tensor, num_frames: int) -> Tensor:
    if rows.shape[1] == 1:
        return rows
    others = rows[:, 1:].expand(-1, num_frames - 1, *rows.shape[2:])
    return torch.cat([rows[:, :1], others], dim=1)
