"""`vtb train vlm`: train a vision-language model from a recipe."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import with_options
from vtb.cli.output import emit, next_steps, note
from vtb.cli.train_options import (
    Model,
    RecipeName,
    Run,
    TrainOptions,
    other_nodes,
    say,
    show_plan,
)
from vtb.cli.train_text import outcome_text
from vtb.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vtb.train.vlm.job import VlmJob

ENGINES = {"off": "hf", "colocate": "vllm-colocate"}


@with_options(TrainOptions)
def vlm(
    recipe: RecipeName,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Dataset of puzzles.")],
    model: Model,
    out: Run,
    method: Annotated[
        str | None, typer.Option(metavar="sft|grpo", help="From right answers, or from rewards.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="ms-swift|trl", help="The library whose trainer runs.")
    ] = None,
    vllm: Annotated[
        str | None,
        typer.Option(metavar="colocate|off", help="What writes GRPO's completions."),
    ] = None,
    *,
    common: TrainOptions,
) -> None:
    """Train a vision-language model; the same command continues an interrupted run."""
    from vtb.train.vlm.job import open_vlm_job
    from vtb.train.vlm.plan import plan_vlm

    flags = {
        "train.method": method,
        "train.backend": backend,
        "rollout.engine": None if vllm is None else _engine(vllm),
    }
    job = open_vlm_job(
        recipe,
        common.overrides(flags),
        data=data,
        model=model,
        out=out,
        machines=common.machines(),
        max_steps=common.max_steps,
    )
    if not common.force:
        job.run.require_same(job.settings)
    if common.dry_run:
        show_plan(job, plan_vlm(job), common.json_mode)
        return
    for command in other_nodes(job):
        note(f"on another node: {command}")
    _train(job, common.force, common.json_mode)


def _engine(name: str) -> str:
    if name not in ENGINES:
        raise UsageError(f"`--vllm {name}` is not possible", hint=did_you_mean(name, ENGINES))
    return ENGINES[name]


def _train(job: VlmJob, force: bool, json_mode: bool) -> None:
    from vtb.train.vlm.stages import run_vlm_job

    outcome = run_vlm_job(job, warn=say, force=force)
    emit("vtb.train/1", outcome.payload(), outcome_text(outcome), json_mode)
    if job.clips:
        return  # `vtb infer vlm` shows pictures
    final, base = quote(str(outcome.final)), quote(str(job.model))
    is_full = job.recipe.train.target == "full"
    made = f"--model {final}" if is_full else f"--model {base} --lora {final}"
    next_steps(f"vtb infer vlm {made} --data {quote(str(job.dataset.path))}")
