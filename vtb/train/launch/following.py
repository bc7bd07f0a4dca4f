"""The part of a machine that is not the first one: to wait for it and to differ in nothing."""

from __future__ import annotations

import time

from vtb.core.errors import ConflictError, MissingEnvironmentError
from vtb.run.provenance import versions
from vtb.run.settings import differences
from vtb.train.launch.job import VideoJob

WAIT_S = 600.0
POLL_S = 0.5


def wait_for_main(job: VideoJob, wait_s: float = WAIT_S) -> None:
    """Returns as soon as the first machine has begun the same run in the same directory.

    That proves that both see one file system, which checkpoints need. Raises ConflictError when
    packages differ in version, and MissingEnvironmentError when it has not begun after `wait_s`.
    """
    deadline = time.monotonic() + wait_s
    while True:
        state = job.run.state()
        if state.get("status") == "running" and not differences(state["settings"], job.settings):
            break
        if time.monotonic() > deadline:
            raise MissingEnvironmentError(
                f"node 0 has not begun a run with these settings in `{job.run.path}`",
                fact=f"waited {wait_s:.0f} s; all nodes must see that directory",
                hint="start the same command there with --node-rank 0, with a directory that all "
                "nodes share",
            )
        time.sleep(POLL_S)
    differing = differences(state["versions"], versions())
    if differing:
        raise ConflictError(
            "the nodes have packages of other versions",
            fact="; ".join(differing),
            hint="install the same on all",
        )
