"""How samples are put into steps, and those of a step dealt to devices; imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vtb.core.errors import UsageError
from vtb.recipe.schema import TrainTable

# Samples of one shape can be computed at once.
Shape: TypeAlias = tuple[int, ...]


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


def by_shape(shapes: Sequence[Shape]) -> list[list[int]]:
    """The numbers of the samples of each shape, by ascending shape."""
    groups: defaultdict[Shape, list[int]] = defaultdict(list)
    for number, shape in enumerate(shapes):
        groups[shape].append(number)
    return [groups[shape] for shape in sorted(groups)]


def epoch_length(counts: Iterable[int], batch: int) -> int:
    """Samples of an epoch that has so many of each shape; see `vtb.train.loop.order.Order`."""
    first, *others = counts
    return first if not others else sum(-(-n // batch) * batch for n in (first, *others))
