"""How the other machines know that the first one is at work, and that they differ in nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vtb.core.errors import ConflictError, MissingEnvironmentError
from vtb.run.provenance import versions
from vtb.run.rundir import RunDirectory
from vtb.run.settings import differences
from vtb.train.launch.protocol import Job

WAIT_S = 600.0
POLL_S = 0.5


def showing_life(run: RunDirectory, watch: Callable[[], None]) -> Callable[[], None]:
    """What the first machine is to call in place of `watch` while it trains.

    It changes a file each time. The status in `run.json` does not suffice: a machine that was
    killed leaves it as `running`.
    """
    file = _sign(run)
    file.parent.mkdir(parents=True, exist_ok=True)

    def show() -> None:
        # A full disk is the matter of whoever writes what counts.
        with suppress(OSError):
            file.write_text(f"{time.time_ns()}\n")
        watch()

    return show


def wait_for_main(job: Job, wait_s: float = WAIT_S) -> None:
    """Returns as soon as the first machine is at work on the same run in the same directory.

    That proves that both see one file system, which checkpoints need. Raises ConflictError when
    packages differ in version, and MissingEnvironmentError when it has not begun after `wait_s`.
    """
    deadline, seen = time.monotonic() + wait_s, _last_sign(job.run)
    while True:
        before, seen = seen, _last_sign(job.run)
        state = job.run.state() if seen != before else {}
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


def _sign(run: RunDirectory) -> Path:
    return run.heartbeats / "node-0"


def _last_sign(run: RunDirectory) -> str:
    with suppress(OSError):
        return _sign(run).read_text()
    return ""
