"""One event per step, written without making the device wait."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

import torch
from torch import Tensor

from vtb.core.errors import TrainingDivergedError
from vtb.core.files import append_line
from vtb.run.rundir import RunDirectory

# Steps whose numbers may still be on the device; the host is never further ahead.
LAG = 2
MAX_NONFINITE_STEPS = 3
SYNC_S = 1.0
SPIKE_FACTOR, SPIKE_WINDOW, SPIKE_MIN_STEPS = 10.0, 50, 5

Sink = Callable[[Mapping[str, Any]], None]


class Logged(Protocol):
    """What the log needs to know of whatever is trained."""

    @property
    def group_names(self) -> Sequence[str]:
        """Parts of the loss that are logged by themselves."""
        ...

    def describe(self, counter: int) -> str:
        """The sample of that number in the order of their use."""
        ...


@dataclass(frozen=True, slots=True)
class _Pending:
    step: int
    facts: Mapping[str, Any]
    counters: range
    numbers: Tensor
    ready: torch.cuda.Event | None


class StepLog:
    """Reads the device's numbers of each step a little later and writes `events.jsonl`.

    Every process reads them, so that all judge alike; only one has `sinks`, which get each event.
    """

    def __init__(self, task: Logged, sinks: Sequence[Sink]) -> None:
        self._task, self._sinks = task, sinks
        self._pending: deque[_Pending] = deque()
        self._recent: deque[float] = deque(maxlen=SPIKE_WINDOW)
        self._nonfinite = 0
        self._last = time.perf_counter()
        self._last_ready: torch.cuda.Event | None = None
        self.stop_was_asked = False

    def push(self, step: int, facts: Mapping[str, Any], counters: range, numbers: Tensor) -> None:
        """Takes the float32 numbers of a step, whose samples had these counters.

        They are the gradient norm, the loss, whether a process wants to stop, and sums of losses
        and their counts for each group. Raises TrainingDivergedError when the step read is the
        third non-finite one in a row.
        """
        ready = None
        if numbers.device.type == "cuda":
            numbers = numbers.to("cpu", non_blocking=True)
            ready = torch.cuda.Event(enable_timing=True)
            ready.record()
        self._pending.append(_Pending(step, facts, counters, numbers, ready))
        while len(self._pending) > (LAG if ready else 0):
            self._read(self._pending.popleft())

    def drain(self) -> None:
        """Reads everything pushed so far."""
        while self._pending:
            self._read(self._pending.popleft())

    def write(self, event: Mapping[str, Any]) -> None:
        """Writes an event that is not the device's, such as a measurement."""
        for sink in self._sinks:
            sink(event)

    def restart_clock(self) -> None:
        """Leaves the time since the last step out of the next one's."""
        self._last, self._last_ready = time.perf_counter(), None

    def _read(self, pending: _Pending) -> None:
        if pending.ready:
            pending.ready.synchronize()
        grad_norm, loss, wish, *groups = pending.numbers.tolist()
        event: dict[str, Any] = {
            "step": pending.step,
            "loss": _finite(loss),
            "grad_norm": _finite(grad_norm),
            "samples_per_second": len(pending.counters) / self._seconds(pending.ready),
            **pending.facts,
            **self._by_group(groups),
        }
        self.stop_was_asked |= wish > 0
        is_finite = math.isfinite(loss) and math.isfinite(grad_norm)
        if not is_finite:
            event["skipped"] = [self._task.describe(counter) for counter in pending.counters]
        elif self._is_spike(loss):
            event["spike"] = [self._task.describe(counter) for counter in pending.counters]
        self.write(event)
        self._nonfinite = 0 if is_finite else self._nonfinite + 1
        if self._nonfinite == MAX_NONFINITE_STEPS:
            raise TrainingDivergedError(
                f"the loss was not finite in {MAX_NONFINITE_STEPS} steps in a row",
                fact=f"up to step {pending.step}; the last checkpoint is intact",
                hint=f"train again elsewhere with -s train.lr={pending.facts['lr'] / 3:.1g}",
            )

    def _seconds(self, ready: torch.cuda.Event | None) -> float:
        """Since the step before; by the device's clock, which does not read in bursts."""
        now = time.perf_counter()
        seconds = now - self._last
        if ready is not None and self._last_ready is not None:
            seconds = self._last_ready.elapsed_time(ready) / 1000
        self._last, self._last_ready = now, ready
        return seconds

    def _by_group(self, groups: Sequence[float]) -> dict[str, Any]:
        names = self._task.group_names
        sums, counts = groups[: len(names)], groups[len(names) :]
        means = {
            name: total / count
            for name, total, count in zip(names, sums, counts, strict=True)
            if count and math.isfinite(total)
        }
        return {"loss_by_group": means} if means else {}

    def _is_spike(self, loss: float) -> bool:
        enough = len(self._recent) >= SPIKE_MIN_STEPS
        is_spike = enough and loss > SPIKE_FACTOR * median(self._recent)
        self._recent.append(loss)
        return is_spike


def events_file(run: RunDirectory) -> Sink:
    """Appends each event to the run's `events.jsonl`, which is synced about once a second.

    A sync takes as long as some small models' steps.
    """
    synced = -math.inf

    def write(event: Mapping[str, Any]) -> None:
        nonlocal synced
        now = time.monotonic()
        is_due = now - synced > SYNC_S
        append_line(run.events, json.dumps(event), sync=is_due)
        synced = now if is_due else synced

    return write


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
