"""How many distinct samples a request can have, known before any is drawn."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from vtb.core.errors import CapacityError
from vtb.data.request import Request, Task

MAX_EXACT = 10**15


def check_capacity(request: Request, count: int) -> int | None:
    """The number of distinct samples that exist, or a bound; raises CapacityError below `count`."""
    stocks = _stocks(request)
    short = None if request.allow_duplicates else _shortest(stocks, request.counts(count))
    if short is not None:
        first_too_many = bisect_left(
            range(count), True, key=lambda n: _shortest(stocks, request.counts(n)) is not None
        )
        raise CapacityError(
            f"only {short.capacity:,} distinct samples exist, {short.wanted:,} were asked for",
            fact=_described(request.tasks[short.tasks[0]]),
            hint=ways_out(first_too_many - 1),
        )
    capacities = [stock.capacity for stock in stocks]
    known = [capacity for capacity in capacities if capacity is not None]
    return sum(known) if len(known) == len(capacities) else None


def say_capacity(capacity: int | None) -> str:
    """A capacity for people to read; of huge ones only the magnitude tells anything."""
    if capacity is None:
        return "practically unbounded"
    return f"{capacity:,}" if capacity < MAX_EXACT else f"{capacity:.1e}"


def ways_out(available: int) -> str:
    """What to do when there are not more than `available` samples."""
    smaller = f"-n {available}, " if available else ""
    return (
        f"{smaller}other settings (for mazes a larger --size, --endpoints random or another "
        "--algorithm), or --allow-duplicates (further drawings of the same puzzles)"
    )


class _Stock(NamedTuple):
    """The distinct puzzles of one configuration, and the tasks that draw from them."""

    tasks: Sequence[int]
    capacity: int | None


class _Shortage(NamedTuple):
    tasks: Sequence[int]
    capacity: int
    wanted: int


def _stocks(request: Request) -> list[_Stock]:
    tasks: dict[str, list[int]] = {}
    for i, task in enumerate(request.tasks):
        key = json.dumps([task.generator, dict(task.config)], sort_keys=True)
        tasks.setdefault(key, []).append(i)
    return [_Stock(same, request.tasks[same[0]].capacity()) for same in tasks.values()]


def _shortest(stocks: Sequence[_Stock], counts: Sequence[int]) -> _Shortage | None:
    """Where the smallest part of what is wanted exists; None when there is enough of all."""
    wanted = [sum(counts[i] for i in stock.tasks) for stock in stocks]
    short = [
        _Shortage(stock.tasks, stock.capacity, number)
        for stock, number in zip(stocks, wanted, strict=True)
        if stock.capacity is not None and number > stock.capacity
    ]
    return min(short, key=lambda s: s.capacity / s.wanted, default=None)


def _described(task: Task) -> str:
    settings = ", ".join(f"{key}: {value}" for key, value in task.config.items())
    return f"{task.generator} with {settings}"
