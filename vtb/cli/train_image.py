"""`vtb train image`: train an image model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vtb.cli.options import with_options
from vtb.cli.output import emit, next_steps, note
from vtb.cli.train_options import (
    Launcher,
    Model,
    RecipeName,
    Run,
    TrainOptions,
    other_nodes,
    say,
    show_plan,
)
from vtb.cli.train_text import outcome_text


@with_options(TrainOptions)
def image(
    recipe: RecipeName,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Dataset with solved pictures.")],
    model: Model,
    out: Run,
    launcher: Launcher = "auto",
    *,
    common: TrainOptions,
) -> None:
    """Train a LoRA of an image model; the same command continues an interrupted run."""
    from vtb.train.image.job import open_job
    from vtb.train.image.plan import plan_image
    from vtb.train.image.run import run_image_job

    job = open_job(
        recipe,
        common.overrides(),
        data=data,
        model=model,
        out=out,
        machines=common.machines(launcher),
        max_steps=common.max_steps,
    )
    if not common.force:
        job.run.require_same(job.settings)
    if common.dry_run:
        show_plan(job, plan_image(job), common.json_mode)
        return
    for command in other_nodes(job):
        note(f"on another node: {command}")
    outcome = run_image_job(job, warn=say, force=common.force)
    emit("vtb.train/1", outcome.payload(), outcome_text(outcome), common.json_mode)
    file = f"{outcome.final}/lora.safetensors"
    next_steps(
        f"vtb models lora check {file} --model {model}",
        f"vtb infer image --model {model} --lora {file} --data TEST",
    )
