"""One invocation of `vtb train video`, seen from the launching process; imports no torch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from vtb.core.errors import ConflictError, MissingEnvironmentError, UsageError
from vtb.core.files import atomic_write
from vtb.run.launch import Ending, execute
from vtb.run.lock import output_lock
from vtb.run.plan import Check, Plan
from vtb.run.rundir import Status
from vtb.train.launch.following import showing_life, wait_for_main
from vtb.train.launch.job import VideoJob
from vtb.train.launch.outcome import Cached, Outcome
from vtb.train.launch.plan import cache_need, plan_video
from vtb.train.launch.watch import watching

# Executes a plan: (plan, log file, function to call now and then).
Launch = Callable[[Plan, Path, Callable[[], None]], Ending]


def run_job(
    job: VideoJob,
    *,
    warn: Callable[[Check], None],
    force: bool = False,
    launch: Launch = execute,
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
    plan = checked_plan(job, warn)
    act = _lead if job.cluster.is_main else _follow
    first, ending = act(job, plan, launch, replaces)
    _raise_again(ending)
    return Outcome.of(job, first, time.monotonic() - started)


def fill_cache(job: VideoJob, *, warn: Callable[[Check], None], launch: Launch = execute) -> Cached:
    """Encodes what the job's samples lack in the cache.

    Of a run directory nothing but recipe, progress, log and lock is written. Raises what `run_job`
    raises.
    """
    started = time.monotonic()
    run = job.run
    run.require_same(job.settings)
    plan = checked_plan(job, warn)
    before = plan.cache
    assert before is not None
    if not before.missing:
        return Cached.of(job, before, 0, 0.0)
    if job.cluster.is_main:
        with output_lock(run.path):
            ending = _encode(job, plan, launch)
    else:
        ending = _encode(job, plan, launch)
    _raise_again(ending)
    left = cache_need(job).bytes_to_write
    written = before.bytes_to_write - left
    return Cached.of(job, before, written, time.monotonic() - started)


def checked_plan(job: VideoJob, warn: Callable[[Check], None]) -> Plan:
    """The job's plan; raises what `require_no_errors` does."""
    plan = plan_video(job)
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


def _is_replaced(job: VideoJob, force: bool) -> bool:
    try:
        job.run.require_same(job.settings)
    except ConflictError:
        if not force:
            raise
        return True
    return False


def _raise_again(ending: Ending) -> None:
    # Also after a complete run: who interrupts wants no second one either.
    if ending.signal is not None:
        signal.raise_signal(ending.signal)


def _lead(job: VideoJob, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, Ending]:
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


def _follow(job: VideoJob, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, Ending]:
    del replaces  # a matter of the first machine
    wait_for_main(job)
    first = max(job.run.steps(), default=0)
    with watching(job.run, job.stop_at, first) as watch:
        return first, launch(plan, job.log, watch)


def _encode(job: VideoJob, plan: Plan, launch: Launch) -> Ending:
    atomic_write(job.run.recipe, job.resolved.toml())
    with watching(job.run, job.stop_at, job.stop_at) as watch:
        return launch(plan, job.log, watch)
