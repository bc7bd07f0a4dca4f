"""What the commands of `vtb train` share: machines, warnings, plans."""

from __future__ import annotations

import sys
from shlex import join
from typing import TYPE_CHECKING

from vtb.cli.output import note, warn
from vtb.core.errors import UsageError

if TYPE_CHECKING:
    from vtb.run.plan import Check
    from vtb.train.launch.protocol import Job


def say(check: Check) -> None:
    """Says what a preflight found that does not stop the run."""
    tell = note if check.level == "info" else warn
    tell(check.message)


def other_nodes(job: Job) -> list[str]:
    """This command as it is to be given on each of the other machines."""
    words = [*sys.argv[1:]]
    if "--node-rank" in words:
        at = words.index("--node-rank")
        del words[at : at + 2]
    words = [word for word in words if not word.startswith("--node-rank=")]
    return [
        join(["vtb", *words, "--node-rank", str(rank)])
        for rank in range(job.cluster.nodes)
        if rank != job.cluster.rank and job.cluster.is_main
    ]


def num_gpus(text: str) -> int | None:
    """The number after `--gpus`, None for `auto`; raises UsageError for anything else."""
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(
            f"`--gpus {text}` is not possible",
            hint="--gpus 0 for the CPU, --gpus 2 for two GPUs of each node, or --gpus auto",
        )
    return int(text)
