"""One invocation of `vtb train video`, seen from the launching process; imports no torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from vtb.core.files import atomic_write
from vtb.run.launch import Ending, execute
from vtb.run.lock import output_lock
from vtb.run.plan import Check, Plan
from vtb.train.launch.invocation import Launch, checked_plan, invoke, raise_again
from vtb.train.launch.job import VideoJob
from vtb.train.launch.outcome import Cached, Outcome
from vtb.train.launch.plan import cache_need, plan_video
from vtb.train.launch.protocol import log_of
from vtb.train.launch.watch import watching


def run_job(
    job: VideoJob,
    *,
    warn: Callable[[Check], None],
    force: bool = False,
    launch: Launch = execute,
) -> Outcome:
    """Trains a job to its end, from where an earlier invocation left it; see `invoke`."""
    return invoke(job, partial(plan_video, job), warn=warn, force=force, launch=launch)


def fill_cache(job: VideoJob, *, warn: Callable[[Check], None], launch: Launch = execute) -> Cached:
    """Encodes what the job's samples lack in the cache.

    Of a run directory nothing but recipe, progress, log and lock is written. Raises what `run_job`
    raises.
    """
    started = time.monotonic()
    run = job.run
    run.require_same(job.settings)
    plan = checked_plan(partial(plan_video, job), warn)
    before = plan.cache
    assert before is not None
    if not before.missing:
        return Cached.of(job, before, 0, 0.0)
    if job.cluster.is_main:
        with output_lock(run.path):
            ending = _encode(job, plan, launch)
    else:
        ending = _encode(job, plan, launch)
    raise_again(ending)
    left = cache_need(job).bytes_to_write
    written = before.bytes_to_write - left
    return Cached.of(job, before, written, time.monotonic() - started)


def _encode(job: VideoJob, plan: Plan, launch: Launch) -> Ending:
    atomic_write(job.run.recipe, job.resolved.toml())
    with watching(job.run, job.stop_at, job.stop_at) as watch:
        return launch(plan, log_of(job), watch)
