"""One invocation of `vtb train`, seen from the launching process; imports no torch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from vtb.core.errors import ConflictError, MissingEnvironmentError, UsageError
from vtb.run.launch import Ending
from vtb.run.lock import output_lock
from vtb.run.plan import Check, Plan
from vtb.run.rundir import Status
from vtb.train.launch.following import showing_life, wait_for_main
from vtb.train.launch.outcome import Outcome
from vtb.train.launch.protocol import Job, log_of
from vtb.train.launch.watch import watching

# Executes a plan: (plan, log file, function to call now and then).
Launch: TypeAlias = Callable[[Plan, Path, Callable[[], None]], Ending]
MakePlan: TypeAlias = Callable[[], Plan]


def invoke(
    job: Job,
    make_plan: MakePlan,
    *,
    warn: Callable[[Check], None],
    force: bool,
    launch: Launch,
) -> Outcome:
    """Trains a job to its end, from where an earlier invocation left it.

    A run that is complete already is left as it is. `force` replaces a run with other settings.
    `warn` receives what the preflight found that does not stop the run. On several machines the
    first one alone writes the records; the others wait for it.

    Raises ConflictError without `force`, what the preflight raises, LockedError when the directory
    is in use, MissingEnvironmentError when another machine does not see it, and ChildFailedError. A
    signal that arrived while training is raised again in this process after the run's state is
    recorded, be it interrupted or done.
    """
    started = time.monotonic()
    replaces = _is_replaced(job, force)
    if not replaces and job.run.is_complete(job.stop_at):
        return Outcome.of(job, max(job.run.steps()), 0.0)
    plan = checked_plan(make_plan, warn)
    act = _lead if job.cluster.is_main else _follow
    first, ending = act(job, plan, launch, replaces)
    raise_again(ending)
    return Outcome.of(job, first, time.monotonic() - started)


def checked_plan(make_plan: MakePlan, warn: Callable[[Check], None]) -> Plan:
    """The plan; raises what `require_no_errors` does."""
    plan = make_plan()
    require_no_errors(plan)
    for check in plan.checks:
        warn(check)
    return plan


def require_no_errors(plan: Plan) -> None:
    """Raises an error with the plan's first one, naming the others, and with all hints.

    It is a UsageError unless nothing but this machine is in the way: then it is a
    MissingEnvironmentError.
    """
    if not plan.errors:
        return
    errors = sorted(plan.errors, key=lambda check: check.is_environment)
    first, *others = errors
    kind = MissingEnvironmentError if first.is_environment else UsageError
    raise kind(
        first.message,
        fact="; ".join(check.message for check in others),
        hint="; ".join(dict.fromkeys(check.hint for check in errors if check.hint)),
    )


def _is_replaced(job: Job, force: bool) -> bool:
    try:
        job.run.require_same(job.settings)
    except ConflictError:
        if not force:
            raise
        return True
    return False


def raise_again(ending: Ending) -> None:
    """Raises the signal that arrived while a plan was executed, in this process."""
    # Also after a complete run: who interrupts wants no second one either.
    if ending.signal is not None:
        signal.raise_signal(ending.signal)


def _lead(job: Job, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, Ending]:
    run = job.run
    with output_lock(run.path):
        if replaces:
            run.clear()
        run.remove_leftovers()
        first = max(run.steps(), default=0)
        run.begin(job.record(), job.resolved.toml(), plan)
        status: Status = "failed"
        try:
            with watching(run, job.stop_at, first) as watch:
                is_alone = job.cluster.nodes == 1
                ending = launch(plan, run.log, watch if is_alone else showing_life(run, watch))
            status = "done" if ending.is_complete else "interrupted"
        finally:
            run.end(status)
    return first, ending


def _follow(job: Job, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, Ending]:
    del replaces  # a matter of the first machine
    wait_for_main(job)
    first = max(job.run.steps(), default=0)
    with watching(job.run, job.stop_at, first) as watch:
        return first, launch(plan, log_of(job), watch)
