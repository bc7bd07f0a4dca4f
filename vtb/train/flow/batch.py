"""Noisy samples of equal shape, made on the CPU and moved to the device as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor

from vtb.models.wan.context import padded
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encoded import Encoded
from vtb.train.loop.randomness import normal

SIGMA_BINS = 4


@dataclass(frozen=True, slots=True)
class Draw:
    """The randomness of one sample; `key` is that of its noise."""

    key: int
    index: int
    is_image_conditioned: bool


@dataclass(frozen=True, slots=True)
class NoisyBatch:
    """B samples with the keys of their noise.

    `latents` (B, C, T, h, w); `noise_keys` (B,); `prompts` (P, S, text dim), each once, and which
    of them (`prompt_of`) each sample has; per sample (B,) the float32 `timesteps`, `sigmas` and
    loss `weights`, whether the first frame is given (`is_image_conditioned`) and the quarter of the
    noise range it falls in (`groups`). `first_frame` (B, C, 1, h, w) is what a given first frame is
    replaced by (TI2V); `image_condition` (B, 4 + C, T, h, w) joins the latents as channels (I2V).
    """

    latents: Tensor
    noise_keys: Tensor
    prompts: Tensor
    prompt_of: Tensor
    timesteps: Tensor
    sigmas: Tensor
    weights: Tensor
    is_image_conditioned: Tensor
    groups: Tensor
    first_frame: Tensor | None = None
    image_condition: Tensor | None = None

    @property
    def noise(self) -> Tensor:
        """Float32, of the shape of the latents; computed anew each time."""
        return normal(self.noise_keys, self.latents.shape[1:])

    @property
    def context(self) -> Tensor:
        """The prompt of each sample (B, S, text dim)."""
        return self.prompts[self.prompt_of]

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {
            name: None if value is None else change(value) for name, value in values.items()
        }
        return type(self)(**changed)


def collate(samples: Sequence[tuple[Encoded, Draw]], schedule: NoiseSchedule) -> NoisyBatch:
    """One batch of samples of equal shape; prompts are `padded`.

    Samples with the same tensor as their context share a prompt.
    """
    encoded = [sample for sample, _ in samples]
    contexts = {id(sample.context): sample.context for sample in encoded}
    position = {name: number for number, name in enumerate(contexts)}
    draws = [draw for _, draw in samples]
    index = torch.tensor([draw.index for draw in draws])
    sigmas = schedule.sigmas[index]
    return NoisyBatch(
        latents=torch.stack([sample.latents for sample in encoded]),
        noise_keys=torch.tensor([draw.key for draw in draws]),
        prompts=padded([*contexts.values()]),
        prompt_of=torch.tensor([position[id(sample.context)] for sample in encoded]),
        timesteps=schedule.timesteps[index],
        sigmas=sigmas,
        weights=schedule.weights[index],
        is_image_conditioned=torch.tensor([draw.is_image_conditioned for draw in draws]),
        groups=(sigmas * SIGMA_BINS).long().clamp(max=SIGMA_BINS - 1),
        first_frame=_stacked([sample.first_frame_latents for sample in encoded]),
        image_condition=_stacked(
            [
                None if sample.image_condition is None else _with_mask(sample.image_condition)
                for sample in encoded
            ]
        ),
    )


def _stacked(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.stack(present) if present else None


def _with_mask(condition: Tensor) -> Tensor:
    # 4 channels of 1 where the frame is given: the first latent frame stands for one pixel frame,
    # which Wan repeats four times; every other one for four.
    mask = condition.new_zeros(4, *condition.shape[1:])
    mask[:, 0] = 1
    return torch.cat([mask, condition])
