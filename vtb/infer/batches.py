"""Clips and pictures of equal size, made together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vtb.infer.sources import Job
from vtb.media.fit import Fit, Size


@dataclass(frozen=True, slots=True)
class Order:
    """A job, how its picture comes into the model and back, and the seed of its noise.

    `drawing` identifies how its puzzle is drawn.
    """

    job: Job
    fit: Fit
    seed: int
    drawing: str


def batches(orders: Iterable[Order], count: int) -> Iterator[list[Order]]:
    """The orders, `count` of equal size in the model at a time; what is left of each size last."""
    waiting: dict[Size, list[Order]] = {}
    for order in orders:
        group = waiting.setdefault(order.fit.target, [])
        group.append(order)
        if len(group) == count:
            yield waiting.pop(order.fit.target)
    yield from waiting.values()
