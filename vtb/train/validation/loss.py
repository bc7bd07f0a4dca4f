"""The loss on held-out samples with noise that never changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from accelerate import Accelerator

from vtb.recipe.schema import VideoRecipe
from vtb.train.flow.batch import Draw, NoisyBatch, collate
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encoded import Encoded
from vtb.train.loop.batching import by_shape
from vtb.train.loop.randomness import key_of, uniform
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.task import Batch, Task
from vtb.train.validation.sharing import any_process, rounds, total

if TYPE_CHECKING:
    from vtb.train.flow.wan_task import EncodedClips

NUM_LEVELS = 8


class HeldOut(Protocol):
    """Numbered items whose loss is measured; each is the same whenever it is asked for."""

    @property
    def groups(self) -> Sequence[Sequence[int]]:
        """Their numbers, those of equal shape together."""
        ...

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Some of one shape, on the CPU."""
        ...


class NoiseGrid:
    """Held-out clips, each at the middles of eight equal parts of the trained timesteps."""

    def __init__(self, clips: EncodedClips, schedule: NoiseSchedule, recipe: VideoRecipe) -> None:
        self._clips, self._schedule, self._recipe = clips, schedule, recipe

    @property
    def groups(self) -> Sequence[Sequence[int]]:
        """The numbers of all clips at all noise levels, by the shape of the clips."""
        return by_shape([size for size in self._clips.sizes for _ in range(NUM_LEVELS)])

    def batch(self, numbers: Sequence[int]) -> NoisyBatch:
        """The clips with their noise; a first frame is given as often as in training."""
        samples = [self._sample(number) for number in numbers]
        return collate(samples, self._schedule)

    def _sample(self, number: int) -> tuple[Encoded, Draw]:
        clip, level = divmod(number, NUM_LEVELS)
        encoded = self._clips.read(clip)
        seed, first = self._recipe.validation.seed, self._schedule.first
        span = self._schedule.stop - first
        is_given = encoded.first_frame_latents is not None
        return encoded, Draw(
            key_of(seed, "validation noise", number),
            first + span * (2 * level + 1) // (2 * NUM_LEVELS),
            is_given and uniform(seed, "validation i2v", number) < self._recipe.train.i2v_prob,
        )


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """Measures the mean loss of a task on held-out items, shared by all processes.

    `beat` is called after each batch of at most `micro_batch`.
    """

    task: Task
    held_out: HeldOut
    accelerator: Accelerator
    micro_batch: int
    stop: StopRequest
    beat: Callable[[], None]

    @torch.no_grad()
    def __call__(self, step: int) -> dict[str, Any] | None:
        """`validation_loss` and the same by group; None when a stop was asked for meanwhile.

        A loss that is not finite is null.
        """
        device, names = self.accelerator.device, self.task.group_names
        sums = torch.zeros(2, len(names), device=device)
        for items in rounds(self.held_out.groups, self.micro_batch, self.accelerator):
            if any_process(self.accelerator, self.stop.signal is not None):
                return None
            batch = self.held_out.batch([item.number for item in items])
            batch = batch.map(lambda tensor: tensor.to(device))
            counted = torch.tensor([float(item.counts) for item in items], device=device)
            losses = torch.where(counted > 0, self.task.module(batch), 0.0)
            sums.index_add_(1, batch.groups, torch.stack([losses, counted]))
            self.beat()
        losses, counts = total(self.accelerator, sums).cpu()
        by_group = {
            name: _finite(loss / count)
            for name, loss, count in zip(names, losses.tolist(), counts.tolist(), strict=True)
            if count
        }
        return {
            "validation_loss": _finite((losses.sum() / counts.sum()).item()),
            "validation_loss_by_group": by_group,
        }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
