"""What the commands of `vtb train` share: options, machines, warnings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import DryRun, Force, JsonMode, Quiet, Settings, Verbose
from vtb.cli.output import emit, note, report_error, warn
from vtb.cli.recipe import complete_name
from vtb.cli.train_text import plan_text
from vtb.core.errors import UsageError, VtbError

if TYPE_CHECKING:
    from vtb.run.plan import Check, Plan
    from vtb.train.launch.job import Machines
    from vtb.train.launch.protocol import Job


RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        "-r",
        metavar="NAME|FILE",
        help="See `vtb recipe ls`.",
        autocompletion=complete_name,
    ),
]
Model = Annotated[Path, typer.Option(metavar="DIR", help="Checkpoint of the base model.")]
Launcher = Annotated[
    str,
    typer.Option(
        metavar="auto|none|accelerate|torchrun|deepspeed", help="What starts several processes."
    ),
]
Run = Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Run directory.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How long, with what changes of the recipe and on which machines a command trains."""

    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop here; a later run may go on.")
    ] = None
    seed: Annotated[int | None, typer.Option(help="Root of every random stream.")] = None
    settings: Settings = None
    gpus: Annotated[
        str, typer.Option(metavar="N|auto", help="Of each node; 0 trains on the CPU.")
    ] = "auto"
    nodes: Annotated[int, typer.Option(min=1, help="Machines that share the work.")] = 1
    node_rank: Annotated[
        int | None,
        typer.Option(min=0, help="Which of them this is.", show_default="the scheduler's"),
    ] = None
    main_address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where node 0 is.", show_default="the scheduler's"),
    ] = None
    dry_run: DryRun = False
    force: Force = False
    json_mode: JsonMode = False
    quiet: Quiet = False
    verbose: Verbose = False

    def overrides(self, flags: Mapping[str, str | None] = MappingProxyType({})) -> list[str]:
        """Changes of the recipe: those of `--set`, then `flags` by their dotted keys, which win."""
        given = {**flags, "train.seed": self.seed}
        named = (f"{key}={value}" for key, value in given.items() if value is not None)
        return [*(self.settings or ()), *named]

    def machines(self, launcher: str = "auto") -> Machines:
        """Where to run; raises UsageError for a wrong number of GPUs."""
        from vtb.train.launch.job import Machines

        gpus = num_gpus(self.gpus)
        return Machines(gpus, self.nodes, self.node_rank, self.main_address, launcher)


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


def show_plan(job: Job, plan: Plan, json_mode: bool) -> None:
    """Prints the plan of a job; exits with the code of its first error, if it has one."""
    from vtb.train.launch.invocation import require_no_errors

    emit("vtb.plan/1", plan.payload(), plan_text(plan, other_nodes(job)), json_mode)
    try:
        require_no_errors(plan)
    except VtbError as error:
        report_error(error, json_mode=False)  # stdout holds its one object already
        raise typer.Exit(error.exit_code) from error


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
