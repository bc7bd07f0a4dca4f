"""How several processes share a measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor


class Item(NamedTuple):
    """The number of something to measure, and whether its result counts."""

    number: int
    counts: bool


def rounds(
    groups: Sequence[Sequence[int]], size: int, accelerator: Accelerator
) -> Iterator[list[Item]]:
    """This process's share of the items of all groups, at most `size` of one group at once.

    All processes have as many rounds of as many items, since sharded weights need every process
    for each forward pass, and another batch size would be compiled anew. What is too much repeats
    an item that another process counts.
    """
    rank, world = accelerator.process_index, accelerator.num_processes
    for group in groups:
        count = len(group)
        at_once = min(size, -(-count // world))
        for start in range(rank * at_once, count + rank * at_once, world * at_once):
            numbers = range(start, start + at_once)
            yield [Item(group[at % count], at < count) for at in numbers]


def any_process(accelerator: Accelerator, flag: bool) -> bool:
    """Whether the flag is set in at least one process; all must ask."""
    if accelerator.num_processes == 1:
        return flag
    votes = torch.tensor([float(flag)], device=accelerator.device)
    return bool(total(accelerator, votes) > 0)


def total(accelerator: Accelerator, values: Tensor) -> Tensor:
    """The sum over all processes."""
    if accelerator.num_processes == 1:
        return values
    summed: Tensor = accelerator.reduce(values, reduction="sum")  # type: ignore[assignment]
    return summed
