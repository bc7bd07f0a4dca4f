"""How the samples of a step are dealt to devices; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vtb.core.errors import UsageError
from vtb.recipe.schema import TrainTable


@dataclass(frozen=True, slots=True)
class Batching:
    """A step's `batch` samples as `accum` rounds of `micro_batch` on each of `world` devices.

    Samples are numbered in the order of their use, so which of them a step sees depends neither on
    the number of devices nor on the size of the micro-batch.
    """

    batch: int
    micro_batch: int
    world: int

    @classmethod
    def of(cls, train: TrainTable, world: int) -> Batching:
        """Raises UsageError when the batch cannot be shared evenly."""
        round_size = train.micro_batch * world
        if train.batch % round_size:
            nearest = max(round_size, train.batch // round_size * round_size)
            devices = f" on each of {world} devices" if world > 1 else ""
            raise UsageError(
                f"a batch of {train.batch} cannot be made of micro-batches of "
                f"{train.micro_batch}{devices}",
                fact=f"it must be a multiple of {round_size}",
                hint=f"-s train.batch={nearest}"
                + ("" if train.micro_batch == 1 else ", or -s train.micro_batch=1"),
            )
        return cls(train.batch, train.micro_batch, world)

    @property
    def accum(self) -> int:
        """Micro-batches per device and step."""
        return self.batch // (self.micro_batch * self.world)

    def samples(self, step: int) -> range:
        """Counters of all samples of the step after `step` others."""
        return range(step * self.batch, (step + 1) * self.batch)

    def rounds(self, step: int, rank: int) -> Iterator[range]:
        """Counters of one device's micro-batches in that step."""
        for round_ in range(self.accum):
            start = step * self.batch + (round_ * self.world + rank) * self.micro_batch
            yield range(start, start + self.micro_batch)
