"""What runs inside a process; `VlmChildArguments` is its command line."""

from __future__ import annotations

import sys
from functools import partial

from vtb.run.rundir import RunDirectory
from vtb.train.loop.stopping import StopRequest
from vtb.train.process import run_process
from vtb.train.vlm.child import VlmChildArguments


def work(arguments: VlmChildArguments, stop: StopRequest) -> bool:
    """Does what the command line says; returns whether it came to its end."""
    if arguments.stage == "preflight":
        from vtb.train.vlm.try_base import try_base

        return try_base(arguments, stop)
    if arguments.stage == "finish":
        from vtb.train.vlm.finish import finish

        return finish(arguments)
    from vtb.train.vlm.trl.session import train

    return train(arguments, stop)


def main() -> None:
    """Does what the command line says; exits with 128 + signal when stopped."""
    arguments = VlmChildArguments.parse(sys.argv[1:])
    run_process(RunDirectory(arguments.run), partial(work, arguments))
