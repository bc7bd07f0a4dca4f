"""Fans independent work out over local processes and gives results back in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from vtb.core.errors import ChildFailedError

GRACE_S = 10.0

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def usable_cpus() -> int:
    """Number of CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def map_ordered(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], *, workers: int
) -> Generator[ResultT]:
    """Yields `function(item)` for each item, in the order of `items`.

    One worker runs in this process; more are spawned (never forked) and at most four items per
    worker are in flight, so memory stays flat. Close the generator to stop early. A child that dies
    raises ChildFailedError.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    pending: deque[Future[ResultT]] = deque()
    grace = threading.Timer(GRACE_S, _kill_children)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 4 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise ChildFailedError(
            "a worker process died",
            fact="killed, or out of memory",
            hint="run the same command again to go on, with fewer --workers",
        ) from error
    except BaseException:
        # What is in flight may end: a worker killed while it writes a result can block the pool.
        grace.start()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        grace.cancel()


def _kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()


def _start_worker() -> None:
    # The parent decides about Ctrl-C; a worker that handled it too would print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent ended by SIGKILL cannot shut its pool down; without this its workers would stay.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
