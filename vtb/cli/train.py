"""`vtb train`: train a model from a recipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtb.cli.options import with_options
from vtb.cli.output import emit, next_steps, note, report_error
from vtb.cli.train_image import image
from vtb.cli.train_options import (
    Launcher,
    Model,
    RecipeName,
    Run,
    TrainOptions,
    other_nodes,
    say,
)
from vtb.cli.train_text import cached_text, outcome_text, plan_text
from vtb.cli.train_vlm import vlm
from vtb.core.errors import VtbError

if TYPE_CHECKING:
    from vtb.models.wan.variants import Expert
    from vtb.train.launch.job import VideoJob

app = typer.Typer(no_args_is_help=True, help="Train a model from a recipe.")


@app.callback()
def train() -> None:
    """Train a model from a recipe."""


@app.command()
@with_options(TrainOptions)
def video(
    recipe: RecipeName,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Dataset with videos.")],
    model: Model,
    out: Run,
    expert: Annotated[
        str | None,
        typer.Option(
            metavar="high|low|both",
            help="Which transformer of an A14B model; both: into RUN/high and RUN/low.",
        ),
    ] = None,
    cache_only: Annotated[
        bool, typer.Option("--cache-only", help="Encode the samples and train nothing.")
    ] = False,
    launcher: Launcher = "auto",
    *,
    common: TrainOptions,
) -> None:
    """Train a video model or a LoRA of one; the same command continues an interrupted run."""
    from vtb.train.launch.job import open_job

    overrides = common.overrides()
    open_one = partial(
        open_job,
        recipe,
        overrides,
        data=data,
        model=model,
        machines=common.machines(launcher),
        max_steps=common.max_steps,
        is_cache_only=cache_only,
    )
    places = _places(recipe, overrides, expert, out)
    jobs = [open_one(expert=one, out=place) for one, place in places.items()]
    if not (common.force or cache_only):
        _require_same(jobs)
    if common.dry_run:
        _show_plans(jobs, common.json_mode)
        return
    for command in other_nodes(jobs[0]):
        note(f"on another node: {command}")
    if cache_only:
        _fill(jobs, common.json_mode)
    else:
        _train(jobs, model, common.force, common.json_mode)


def _places(
    recipe: str, overrides: Sequence[str], expert: str | None, out: Path
) -> dict[Expert | None, Path]:
    """The run directory of each expert to train."""
    from vtb.train.launch.job import wanted_experts

    experts = wanted_experts(recipe, overrides, expert)
    return {one: out if len(experts) == 1 else out / str(one) for one in experts}


def _require_same(jobs: Sequence[VideoJob]) -> None:
    # What is wrong with the second of two runs should not show only when the first is done.
    for job in jobs:
        job.run.require_same(job.settings)


def _show_plans(jobs: Sequence[VideoJob], json_mode: bool) -> None:
    from vtb.train.launch.invocation import require_no_errors
    from vtb.train.launch.plan import plan_video

    plans = [plan_video(job) for job in jobs]
    texts = [plan_text(plan, other_nodes(job)) for plan, job in zip(plans, jobs, strict=True)]
    _emit("vtb.plan/1", [plan.payload() for plan in plans], texts, json_mode)
    try:
        for plan in plans:
            require_no_errors(plan)
    except VtbError as error:
        report_error(error, json_mode=False)  # stdout holds its one object already
        raise typer.Exit(error.exit_code) from error


def _train(jobs: Sequence[VideoJob], model: Path, force: bool, json_mode: bool) -> None:
    from vtb.train.launch.invocation import require_no_errors
    from vtb.train.launch.plan import plan_video
    from vtb.train.launch.run import run_job

    # What is wrong with a later job should not show only when the earlier ones are done.
    for job in jobs[1:]:
        if not job.run.is_complete(job.stop_at):
            require_no_errors(plan_video(job))
    outcomes = [run_job(job, warn=say, force=force) for job in jobs]
    payloads = [outcome.payload() for outcome in outcomes]
    _emit("vtb.train/1", payloads, [outcome_text(outcome) for outcome in outcomes], json_mode)
    next_steps(
        "vtb gen maze --size 9 --split test -n 100 -o TEST",
        _use_of(jobs, [quote(str(outcome.final)) for outcome in outcomes], quote(str(model))),
    )


def _use_of(jobs: Sequence[VideoJob], finals: Sequence[str], model: str) -> str:
    match jobs[0].recipe.train.target:
        case "vae":
            return f"vtb train video -r RECIPE --data TEST --model {finals[-1]} -o RUN"
        case "full":
            return f"vtb infer video --model {finals[-1]} --data TEST"
        case "lora":
            flags = " ".join(
                f"{'--lora-low' if job.expert == 'low' else '--lora'} {final}/lora.safetensors"
                for job, final in zip(jobs, finals, strict=True)
            )
            return f"vtb infer video --model {model} --data TEST {flags}"


def _fill(jobs: Sequence[VideoJob], json_mode: bool) -> None:
    from vtb.train.launch.run import fill_cache

    # Both experts read the same samples.
    outcome = fill_cache(jobs[0], warn=say)
    emit("vtb.train/1", outcome.payload(), cached_text(outcome), json_mode)
    next_steps(join(["vtb", *(word for word in sys.argv[1:] if word != "--cache-only")]))


def _emit(
    schema: str, payloads: Sequence[dict[str, Any]], texts: Sequence[str], json_mode: bool
) -> None:
    """The only payload, or the last one with all of them beside it."""
    runs = {"runs": list(payloads)} if len(payloads) > 1 else {}
    emit(schema, {**payloads[-1], **runs}, "\n\n".join(texts), json_mode)


app.command()(image)
app.command()(vlm)
