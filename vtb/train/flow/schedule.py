"""The discrete noise schedules of training, Wan's and Qwen-Image's.

Shapes: N the 1000 training timesteps, from pure noise downwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

NUM_TIMESTEPS = 1000
TIMESTEP_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# Where Qwen-Image's schedule ends.
LAST_SIGMA = 0.02


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """What each index means for the model and the loss; float32 (N,) each.

    `timesteps` are given to the model, `sigmas` are shares of noise, `weights` factors of the
    loss. A run draws from the indices `first` to `stop`.
    """

    timesteps: Tensor
    sigmas: Tensor
    weights: Tensor
    first: int = 0
    stop: int = NUM_TIMESTEPS

    @classmethod
    def shifted(
        cls,
        shift: float,
        *,
        weighting: str,
        dtype: torch.dtype = torch.float32,
        sigma_range: tuple[float, float] = (0.0, 1.0),
    ) -> Self:
        """Wan's schedule: sigma = k u / (1 + (k-1) u), u from 1 down, k the shift, t = 1000 sigma.

        Weighting `bell` is diffsynth's: exp(-2 ((t-500)/1000)^2) minus its minimum, scaled to mean
        1; `bell_per_expert` has mean 1 over the drawn range; `none` is 1. The timestep is rounded
        to `dtype`, and sigma and weight are those of the timestep nearest to the rounded one, as in
        diffsynth, which looks them up in the model's bfloat16. `sigma_range` is the (low, high)
        part that one expert of two is used for.
        """
        u = _descending()
        sigmas = shift * u / (1 + (shift - 1) * u)
        low, high = sigma_range
        span = _index_of(high, shift), _index_of(low, shift)
        return cls._of(sigmas, weighting, dtype, *span)

    @classmethod
    def exponential(cls, mu: float, *, weighting: str, dtype: torch.dtype = torch.float32) -> Self:
        """Qwen-Image's schedule: sigma = e^mu / (e^mu + 1/u - 1), u from 1 down.

        Its complement is then scaled so that the last sigma is 0.02. The rest is as in `shifted`.
        """
        clean = 1 - math.exp(mu) / (math.exp(mu) + (1 / _descending() - 1))
        sigmas = 1 - clean / (clean[-1] / (1 - LAST_SIGMA))
        return cls._of(sigmas, weighting, dtype, 0, NUM_TIMESTEPS)

    @classmethod
    def _of(cls, sigmas: Tensor, weighting: str, dtype: torch.dtype, first: int, stop: int) -> Self:
        timesteps = sigmas * NUM_TIMESTEPS
        weights = _weights(timesteps, weighting, first, stop)
        rounded = timesteps.to(dtype)
        nearest = torch.stack([(timesteps - t).abs().argmin() for t in rounded.float()])
        return cls(rounded.float(), sigmas[nearest], weights[nearest], first, stop)


def _descending() -> Tensor:
    return torch.linspace(1.0, 0.0, NUM_TIMESTEPS + 1)[:-1]


def _index_of(sigma: float, shift: float) -> int:
    # Inverse of the schedule: u = sigma / (k - (k-1) sigma), index = N (1 - u).
    return int(NUM_TIMESTEPS * (1 - sigma / (shift - (shift - 1) * sigma)))


def _weights(timesteps: Tensor, weighting: str, first: int, stop: int) -> Tensor:
    if weighting == "none":
        return torch.ones_like(timesteps)
    bell = torch.exp(-2 * ((timesteps - NUM_TIMESTEPS / 2) / NUM_TIMESTEPS) ** 2)
    bell = bell - bell.min()
    mean = bell[first:stop].mean() if weighting == "bell_per_expert" else bell.mean()
    return bell / mean
