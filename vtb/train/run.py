"""One invocation of `vtb train video`, seen from the launching process; imports no torch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import read_json_lines
from vtb.run.launch import execute
from vtb.run.lock import output_lock
from vtb.run.plan import Check, Plan
from vtb.run.progress import Advance, progress
from vtb.run.rundir import RunDirectory, Status
from vtb.train.job import VideoJob
from vtb.train.plan import plan_video

# Executes a plan: (plan, log file, function to call now and then) to the signal that cut it short.
Launch = Callable[[Plan, Path, Callable[[], None]], int | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """State of a run after an invocation, which took `seconds` and began at `resumed_from`.

    `first_loss` and `last_loss` are those of the whole run.
    """

    run: str
    out: Path
    steps: int
    seconds: float
    samples_per_second: float
    first_loss: float | None
    last_loss: float | None
    checkpoint: Path
    final: Path
    resumed_from: int
    is_new: bool

    def payload(self) -> dict[str, Any]:
        """The outcome as JSON, with the keys of `vtb.train/1`."""
        return {
            "run": self.run,
            "out": str(self.out),
            "status": "done",
            "steps": self.steps,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "loss": {"first": self.first_loss, "last": self.last_loss},
            "checkpoint": str(self.checkpoint),
            "final": str(self.final),
            "resumed_from": self.resumed_from,
        }


def run_job(
    job: VideoJob,
    *,
    warn: Callable[[Check], None],
    force: bool = False,
    launch: Launch = execute,
) -> Outcome:
    """Trains a job to its end, from where an earlier invocation left it.

    A run that is complete already is left as it is. `force` replaces a run with other settings.
    `warn` receives what the preflight found that does not stop the run.
    Raises ConflictError without it, UsageError when the preflight finds an error, LockedError
    when the directory is in use, and ChildFailedError. A signal that stopped the training is
    raised again in this process after its state is recorded.
    """
    started = time.monotonic()
    run = job.run
    replaces = _is_replaced(job, force)
    if not replaces and run.is_complete(job.stop_at):
        return _outcome(job, max(run.steps()), 0.0)
    plan = plan_video(job)
    require_no_errors(plan)
    for check in plan.checks:
        warn(check)
    with output_lock(run.path):
        if replaces:
            run.clear()
        run.remove_leftovers()
        first = max(run.steps(), default=0)
        run.begin(job.record(), job.resolved.toml(), plan)
        _launch(run, plan, launch, first, job.stop_at)
    return _outcome(job, first, time.monotonic() - started)


def require_no_errors(plan: Plan) -> None:
    """Raises UsageError with the plan's first error, naming the others, and with all hints."""
    if plan.errors:
        first, *others = plan.errors
        raise UsageError(
            first.message,
            fact="; ".join(check.message for check in others),
            hint="; ".join(check.hint for check in plan.errors if check.hint),
        )


def _is_replaced(job: VideoJob, force: bool) -> bool:
    try:
        job.run.require_same(job.settings)
    except ConflictError:
        if not force:
            raise
        return True
    return False


def _launch(run: RunDirectory, plan: Plan, launch: Launch, first: int, stop_at: int) -> None:
    status: Status = "failed"
    try:
        with progress("training", stop_at, first) as advance:
            stopped_by = launch(plan, run.log, _StepWatch(run, advance, first))
        status = "done" if stopped_by is None else "interrupted"
    finally:
        run.end(status)
    if stopped_by is not None:
        signal.raise_signal(stopped_by)


class _StepWatch:
    """Moves a progress bar to the last step in the log of events."""

    def __init__(self, run: RunDirectory, advance: Advance, shown: int) -> None:
        self._run, self._advance, self._shown = run, advance, shown

    def __call__(self) -> None:
        step = self._run.last_event().get("step", 0)
        if step > self._shown:
            self._advance(step - self._shown)
            self._shown = step


def _outcome(job: VideoJob, first: int, seconds: float) -> Outcome:
    run = job.run
    last = max(run.steps())
    losses = [event["loss"] for event in read_json_lines(run.events) if event["loss"] is not None]
    samples = (last - first) * job.recipe.train.accum
    return Outcome(
        run=run.state()["id"],
        out=run.path,
        steps=last,
        seconds=seconds,
        samples_per_second=samples / seconds if seconds else 0.0,
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        checkpoint=run.checkpoint(last),
        final=run.final,
        resumed_from=first,
        is_new=bool(seconds),
    )
