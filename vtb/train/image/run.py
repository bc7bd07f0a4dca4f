"""`vtb train image`, seen from the launching process; imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vtb.run.launch import execute
from vtb.run.plan import Check
from vtb.train.image.job import ImageJob
from vtb.train.image.plan import plan_image
from vtb.train.launch.invocation import Launch, invoke
from vtb.train.launch.outcome import Outcome


def run_image_job(
    job: ImageJob,
    *,
    warn: Callable[[Check], None],
    force: bool = False,
    launch: Launch = execute,
) -> Outcome:
    """Trains a job to its end, from where an earlier invocation left it; see `invoke`."""
    return invoke(job, partial(plan_image, job), warn=warn, force=force, launch=launch)
