"""How several processes share a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor


class Item(NamedTuple):
    """The number of something to measure, and whether its result counts."""

    number: int
    counts: bool


def rounds(count: int, size: int, accelerator: Accelerator) -> Iterator[list[Item]]:
    """This process's share of `count` items, at most `size` at once.

    All processes have as many rounds of as many items, since sharded weights need every process
    for each forward pass, and another batch size would be compiled anew. What is too much repeats
    an item that another process counts.
    """
    rank, world = accelerator.process_index, accelerator.num_processes
    size = min(size, -(-count // world))
    for start in range(rank * size, count + rank * size, world * size):
        yield [Item(at % count, at < count) for at in range(start, start + size)]


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
