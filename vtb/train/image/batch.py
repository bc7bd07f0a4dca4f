"""Noisy pictures of equal size, made on the CPU and moved to the device as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vtb.train.flow.batch import SIGMA_BINS
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.image.encoded import EncodedPicture
from vtb.train.loop.randomness import normal


@dataclass(frozen=True, slots=True)
class Draw:
    """The randomness of one sample: the key of its noise, and its place in the schedule."""

    key: int
    index: int


@dataclass(frozen=True, slots=True)
class NoisyPictures:
    """B samples with the keys of their noise.

    `latents` (B, C, h, w); `noise_keys` (B,); `prompts` (B, S, text dim), of which `prompt_mask`
    (B, S) tells tokens from padding; per sample (B,) the float32 `timesteps`, `sigmas` and loss
    `weights`, and the quarter of the noise range it falls in (`groups`); `references`
    (B, C, h_i, w_i) each.
    """

    latents: Tensor
    noise_keys: Tensor
    prompts: Tensor
    prompt_mask: Tensor | None
    timesteps: Tensor
    sigmas: Tensor
    weights: Tensor
    groups: Tensor
    references: tuple[Tensor, ...]

    @property
    def noise(self) -> Tensor:
        """Float32, of the shape of the latents; computed anew each time."""
        return normal(self.noise_keys, self.latents.shape[1:])

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed."""
        return type(self)(
            latents=change(self.latents),
            noise_keys=change(self.noise_keys),
            prompts=change(self.prompts),
            prompt_mask=None if self.prompt_mask is None else change(self.prompt_mask),
            timesteps=change(self.timesteps),
            sigmas=change(self.sigmas),
            weights=change(self.weights),
            groups=change(self.groups),
            references=tuple(map(change, self.references)),
        )


def collate(
    samples: Sequence[tuple[EncodedPicture, Draw]], schedule: NoiseSchedule
) -> NoisyPictures:
    """One batch of samples whose pictures have equal sizes."""
    pictures = [picture for picture, _ in samples]
    index = torch.tensor([draw.index for _, draw in samples])
    sigmas = schedule.sigmas[index]
    prompts, mask = _padded([picture.prompt for picture in pictures])
    return NoisyPictures(
        latents=torch.stack([picture.latents for picture in pictures]),
        noise_keys=torch.tensor([draw.key for _, draw in samples]),
        prompts=prompts,
        prompt_mask=mask,
        timesteps=schedule.timesteps[index],
        sigmas=sigmas,
        weights=schedule.weights[index],
        groups=(sigmas * SIGMA_BINS).long().clamp(max=SIGMA_BINS - 1),
        references=tuple(
            torch.stack(same)
            for same in zip(*(picture.references for picture in pictures), strict=True)
        ),
    )


def _padded(prompts: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    batch = pad_sequence([*prompts], batch_first=True)
    if bool((lengths == lengths[0]).all()):
        return batch, None  # attention without a mask is faster
    return batch, torch.arange(batch.shape[1]) < lengths[:, None]
