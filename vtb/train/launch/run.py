"""One invocation of `vtb train video`, seen from the launching process; imports no torch."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import atomic_write
from vtb.run.launch import execute
from vtb.run.lock import output_lock
from vtb.run.plan import Check, Plan
from vtb.run.rundir import Status
from vtb.train.launch.following import wait_for_main
from vtb.train.launch.job import VideoJob
from vtb.train.launch.outcome import Cached, Outcome
from vtb.train.launch.plan import cache_need, plan_video
from vtb.train.launch.watch import watching

# Executes a plan: (plan, log file, function to call now and then) to the signal that cut it short.
Launch = Callable[[Plan, Path, Callable[[], None]], int | None]


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

    Raises ConflictError without `force`, UsageError when the preflight finds an error, LockedError
    when the directory is in use, MissingEnvironmentError when another machine does not see it, and
    ChildFailedError. A signal that stopped the training is raised again in this process after its
    state is recorded.
    """
    started = time.monotonic()
    replaces = _is_replaced(job, force)
    if not replaces and job.run.is_complete(job.stop_at):
        return Outcome.of(job, max(job.run.steps()), 0.0)
    plan = checked_plan(job, warn)
    act = _lead if job.cluster.is_main else _follow
    first, stopped_by = act(job, plan, launch, replaces)
    if stopped_by is not None:
        signal.raise_signal(stopped_by)
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
            stopped_by = _encode(job, plan, launch)
    else:
        stopped_by = _encode(job, plan, launch)
    if stopped_by is not None:
        signal.raise_signal(stopped_by)
    left = cache_need(job).bytes_to_write
    written = before.bytes_to_write - left
    return Cached.of(job, before, written, time.monotonic() - started)


def checked_plan(job: VideoJob, warn: Callable[[Check], None]) -> Plan:
    """The job's plan; raises UsageError when its preflight finds an error."""
    plan = plan_video(job)
    require_no_errors(plan)
    for check in plan.checks:
        warn(check)
    return plan


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


def _lead(job: VideoJob, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, int | None]:
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
                stopped_by = launch(plan, run.log, watch)
            status = "done" if stopped_by is None else "interrupted"
        finally:
            run.end(status)
    return first, stopped_by


def _follow(job: VideoJob, plan: Plan, launch: Launch, replaces: bool) -> tuple[int, int | None]:
    del replaces  # a matter of the first machine
    wait_for_main(job)
    first = max(job.run.steps(), default=0)
    with watching(job.run, job.stop_at, first) as watch:
        return first, launch(plan, job.log, watch)


def _encode(job: VideoJob, plan: Plan, launch: Launch) -> int | None:
    atomic_write(job.run.recipe, job.resolved.toml())
    with watching(job.run, job.stop_at, job.stop_at) as watch:
        return launch(plan, job.log, watch)
