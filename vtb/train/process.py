"""What every training process does around its work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from accelerate import PartialState

from vtb.core.errors import VtbError
from vtb.run.lock import output_lock
from vtb.run.rundir import RunDirectory
from vtb.train.loop.stopping import StopRequest


def run_process(run: RunDirectory, work: Callable[[StopRequest], bool]) -> None:
    """Does the work, which returns whether it came to its end; exits with 128 + signal if not.

    A VtbError becomes a message for people and its exit code.
    """
    stop = StopRequest()
    stop.install()
    try:
        with _lock(run):
            is_complete = work(stop)
            # Left to the interpreter's end, the group's threads now and then abort the process.
            PartialState().destroy_process_group()
    except VtbError as error:
        lines = (f"error: {error.message}", error.fact, f"hint: {error.hint}" if error.hint else "")
        sys.stderr.write("\n".join(filter(None, lines)) + "\n")
        sys.exit(error.exit_code)
    if not is_complete:
        sys.exit(128 + (stop.signal or 0))


def _lock(run: RunDirectory) -> AbstractContextManager[None]:
    # A launcher gives each process its rank; the first one alone writes.
    is_main = os.environ.get("RANK", "0") == "0"
    return output_lock(run.checkpoints) if is_main else nullcontext()
