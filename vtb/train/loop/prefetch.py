"""Batches made in the background while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
AHEAD = 3


def prefetched(make: Callable[[range], T], requests: Iterable[range]) -> Iterator[T]:
    """`make` of each request in order, up to three ahead in one thread; its errors are raised."""
    pending: deque[Future[T]] = deque()
    remaining = iter(requests)
    with ThreadPoolExecutor(1, "prefetch") as pool:
        try:
            pending.extend(pool.submit(make, request) for request in islice(remaining, AHEAD))
            while pending:
                ready = pending.popleft()
                pending.extend(pool.submit(make, request) for request in islice(remaining, 1))
                yield ready.result()
        finally:
            for future in pending:
                future.cancel()
