"""Ends a training process that hangs, and says where it hung."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Self

from vtb.run.rundir import RunDirectory

STALLED_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: may go better the next time
STDERR = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without progress that are too long: before the first step is done, and later.

    The first step compiles. `tick_s` is the time between two looks.
    """

    first_s: float = 1800.0
    later_s: float = 600.0
    tick_s: float = 1.0


class Watchdog:
    """A thread that expects a beat from the training process it runs in.

    Without one for too long it writes the stacks of all Python threads to stderr, then a last line
    for people, and ends the process with exit code 75; the checkpoints are intact. Once per tick it
    writes the step of the last beat to `heartbeats/rank-0` of the run, whose time of change thus
    says when the process was last alive.
    """

    def __init__(self, run: RunDirectory, rank: int, limits: Limits | None = None) -> None:
        self._file, self._rank = run.heartbeats / f"rank-{rank}", rank
        self._limits = limits or Limits()
        self._beats, self._step, self._pauses = 0, 0, 0
        self._has_stepped = False
        self._closed = Event()
        self._thread = Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._thread.join()

    def step_done(self, step: int) -> None:
        """Notes a finished step."""
        self._step, self._has_stepped = step, True
        self.beat()

    def beat(self) -> None:
        """Notes progress within a step, or in work between two."""
        self._beats += 1

    @contextmanager
    def paused(self) -> Generator[None]:
        """No beat is expected inside: a disk may be slow, and other processes may not be done."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            self.beat()

    def _watch(self) -> None:
        seen, silent_s = -1, 0.0
        # Ticks are counted, not a clock read: a process that was suspended has not hung.
        while not self._closed.wait(self._limits.tick_s):
            silent_s += self._limits.tick_s
            if self._beats != seen or self._pauses:
                seen, silent_s = self._beats, 0.0
                self._write_heartbeat()
            limit_s = self._limits.later_s if self._has_stepped else self._limits.first_s
            if silent_s >= limit_s:
                self._end(silent_s)
        self._write_heartbeat()

    def _write_heartbeat(self) -> None:
        # A full disk is the matter of whoever writes what counts.
        with suppress(OSError):
            self._file.write_text(f"{self._step}\n")

    def _end(self, silent_s: float) -> None:
        # Past Python's own streams, whose locks the hanging thread may hold.
        faulthandler.dump_traceback(file=STDERR, all_threads=True)
        last = (
            f"error: no progress for {silent_s:.0f} s after step {self._step}, rank {self._rank}\n"
            "the stacks of all threads are in the log above\n"
            "hint: repeat the command; it goes on from the last checkpoint\n"
        )
        os.write(STDERR, last.encode())
        os._exit(STALLED_EXIT_CODE)
