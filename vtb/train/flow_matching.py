"""The flow-matching objective of Wan, for one sample.

Shapes: B batch (1), C latent channels, T latent frames, H and W latent height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

NUM_TIMESTEPS = 1000


@dataclass(frozen=True, slots=True)
class NoiseSchedule:
    """The discrete training schedule: float32 (1000,) each, from pure noise downwards.

    `sigmas` are shares of noise, `timesteps` 1000 times that, `weights` factors of the loss with
    mean 1.
    """

    sigmas: Tensor
    timesteps: Tensor
    weights: Tensor

    @classmethod
    def shifted(cls, shift: float, *, weighting: str) -> Self:
        """Wan's schedule, sigma = k u / (1 + (k-1) u) with u from 1 down and k the shift.

        Weighting `bell` is diffsynth's: exp(-2 ((t-500)/1000)^2) minus its minimum; `none` is 1.
        """
        u = torch.linspace(1.0, 0.0, NUM_TIMESTEPS + 1)[:-1]
        sigmas = shift * u / (1 + (shift - 1) * u)
        timesteps = sigmas * NUM_TIMESTEPS
        if weighting == "none":
            return cls(sigmas, timesteps, torch.ones_like(sigmas))
        bell = torch.exp(-2 * ((timesteps - NUM_TIMESTEPS / 2) / NUM_TIMESTEPS) ** 2)
        bell = bell - bell.min()
        return cls(sigmas, timesteps, bell * (NUM_TIMESTEPS / bell.sum()))

    def rounded(self, index: int, dtype: torch.dtype) -> tuple[Tensor, int]:
        """The timestep (1,) at an index in `dtype`, and the index nearest to that value.

        diffsynth rounds the timestep to the model's bfloat16 before it looks up sigma.
        """
        timestep = self.timesteps[index : index + 1].to(dtype)
        nearest = int(torch.argmin((self.timesteps - timestep.float()).abs()))
        return timestep, nearest


@dataclass(frozen=True, slots=True)
class Conditions:
    """One encoded clip, without noise.

    `latents` (B, C, T, H, W); `context` (B, 512, text dim), the prompt; `first_frame_latents`
    (B, C, 1, H, W), the encoding of the first frame by itself.
    """

    latents: Tensor
    context: Tensor
    first_frame_latents: Tensor

    def to(self, device: torch.device | str) -> Conditions:
        """The same on another device."""
        moved = (self.latents, self.context, self.first_frame_latents)
        return Conditions(*(tensor.to(device) for tensor in moved))


@dataclass(frozen=True, slots=True)
class NoisySample:
    """What the objective needs for one sample; `noise` has the shape of the latents.

    With `is_image_conditioned` the first latent frame is given and not predicted.
    """

    conditions: Conditions
    noise: Tensor
    timestep_index: int
    is_image_conditioned: bool


# (noisy latents, timestep (1,), context, is_image_conditioned) to the predicted velocity
Predictor = Callable[[Tensor, Tensor, Tensor, bool], Tensor]


def flow_matching_loss(
    predict: Predictor,
    sample: NoisySample,
    schedule: NoiseSchedule,
    *,
    timestep_dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Weighted mean squared error of the velocity, float32 scalar.

    x_t = (1 - sigma) x_0 + sigma noise, target noise - x_0. Equals diffsynth's `FlowMatchSFTLoss`
    for the same noise and timestep.
    """
    given = sample.conditions
    timestep, index = schedule.rounded(sample.timestep_index, timestep_dtype)
    sigma = schedule.sigmas[index].item()
    clean, noise = given.latents.float(), sample.noise.float()
    noisy = ((1 - sigma) * clean + sigma * noise).to(given.latents.dtype)
    target = noise - clean
    if sample.is_image_conditioned:
        noisy[:, :, :1] = given.first_frame_latents
    velocity = predict(
        noisy, timestep.to(noisy), given.context, sample.is_image_conditioned
    ).float()
    first = 1 if sample.is_image_conditioned else 0
    loss = mse_loss(velocity[:, :, first:], target[:, :, first:])
    return loss * schedule.weights[index].item()
