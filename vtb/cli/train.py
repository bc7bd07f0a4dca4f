"""`vtb train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import DryRun, Force, JsonMode, Quiet, Settings, Verbose
from vtb.cli.output import emit, next_steps, warn
from vtb.cli.recipe import complete_name
from vtb.core.errors import UsageError

if TYPE_CHECKING:
    from vtb.run.plan import Plan
    from vtb.train.run import Outcome

app = typer.Typer(no_args_is_help=True, help="Train a model from a recipe.")


@app.callback()
def train() -> None:
    """Train a model from a recipe."""


@app.command()
def video(
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            "-r",
            metavar="NAME|FILE",
            help="See `vtb recipe ls`.",
            autocompletion=complete_name,
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Dataset with videos.")],
    model: Annotated[Path, typer.Option(metavar="DIR", help="Checkpoint of the base model.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Run directory.")],
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop here; a later run may go on.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of every random stream.")] = None,
    settings: Settings = None,
    gpus: Annotated[str, typer.Option(metavar="N|auto", help="0 trains on the CPU.")] = "auto",
    dry_run: DryRun = False,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a LoRA of a video model; the same command continues an interrupted run."""
    from vtb.train.job import open_job
    from vtb.train.plan import plan_video
    from vtb.train.run import require_no_errors, run_job

    overrides = [*(settings or ()), *([] if seed is None else [f"train.seed={seed}"])]
    job = open_job(
        recipe,
        overrides,
        data=data,
        model=model,
        out=out,
        num_gpus=_num_gpus(gpus),
        max_steps=max_steps,
    )
    if dry_run:
        plan = plan_video(job)
        emit("vtb.plan/1", plan.payload(), _plan_text(plan), json_mode)
        require_no_errors(plan)
        return
    outcome = run_job(job, warn=lambda check: warn(check.message), force=force)
    emit("vtb.train/1", outcome.payload(), _outcome_text(outcome), json_mode)
    next_steps(
        "vtb gen maze --size 9 --split test -n 100 -o TEST",
        f"vtb infer video --model {quote(str(model))} --data TEST "
        f"--lora {quote(str(outcome.final / 'lora.safetensors'))}",
    )


def _num_gpus(text: str) -> int | None:
    if text == "auto":
        return None
    if text not in ("0", "1"):
        raise UsageError(
            f"`--gpus {text}` is not possible",
            fact="training runs in one process, on the CPU or on one GPU",
            hint="--gpus 0, --gpus 1 or --gpus auto",
        )
    return int(text)


def _plan_text(plan: Plan) -> str:
    estimates = plan.estimates
    lines = [
        " ".join([*(f"{name}={value}" for name, value in plan.env.items()), *plan.argv]),
        *(f"{name:<12} {value}" for name, value in {**plan.inputs, **plan.outputs}.items()),
        f"{'steps':<12} {estimates.steps:,}",
        f"{'tokens':<12} {estimates.tokens:,} per sample",
        f"{'trainable':<12} {estimates.trainable_parameters:,} parameters, "
        f"{estimates.checkpoint_bytes / 1e6:,.1f} MB per checkpoint",
    ]
    if estimates.memory_gib is not None:
        lines.append(f"{'memory':<12} about {estimates.memory_gib:.0f} GiB")
    if estimates.seconds_per_step is not None:
        hours = estimates.seconds_per_step * estimates.steps / 3600
        lines.append(f"{'time':<12} about {estimates.seconds_per_step:.2f} s/step, {hours:.1f} h")
    lines += [f"{check.level:<12} {check.name}: {check.message}" for check in plan.checks]
    return "\n".join(lines)


def _outcome_text(outcome: Outcome) -> str:
    loss = ""
    if outcome.first_loss is not None and outcome.last_loss is not None:
        loss = f", loss {outcome.first_loss:.4f} → {outcome.last_loss:.4f}"
    state = "trained" if outcome.is_new else "already complete"
    return f"{state}: {outcome.steps:,} steps{loss}\n{outcome.final}"
