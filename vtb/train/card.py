"""The model card of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vtb.core.files import read_json_lines
from vtb.recipe.schema import TrainTable, VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.validation.best import read_best


def card(
    run: RunDirectory, recipe: VideoRecipe, step: int, *, title: str, body: str, tags: str
) -> str:
    """README.md: what was trained (`title`, `body`), on what, how, and with which result."""
    data, train = recipe.data, recipe.train
    rows = {
        "clips": f"{data.num_frames} frames of {data.height}x{data.width} px at {data.fps:g} fps",
        "steps": steps_of(train, step),
        "averaged weights": f"decay {train.ema:g} per step" if train.ema else "no",
        "seed": str(train.seed),
        "loss": losses(run),
    }
    best = read_best(run)
    if best is not None:
        rows["best on held-out samples"] = f"{best}, kept in `../checkpoints/{best.directory}`"
    header = f"base_model: {recipe.model.family}\ntags: [vtb, {tags}]"
    return model_card(run, "vtb train video", header=header, title=title, body=body, rows=rows)


def steps_of(train: TrainTable, step: int) -> str:
    """How far a training went, and at which rate."""
    return f"{step} of {train.batch} samples, learning rate {train.lr:g} ({train.scheduler})"


def model_card(
    run: RunDirectory,
    command: str,
    *,
    header: str,
    title: str,
    body: str,
    rows: Mapping[str, str],
) -> str:
    """README.md of what a command made: a YAML `header`, text, and a table that begins with inputs.

    The `rows` follow those that every run has.
    """
    state = run.state()
    settings = state["settings"]
    versions = ", ".join(f"{name} {number}" for name, number in state["versions"].items())
    table = {
        "recipe": f"`{state['recipe']}`",
        "data set": f"`{Path(state['inputs']['data']).name}`, manifest "
        f"{settings['data.manifest_hash']}",
        "base weights": f"fingerprint {settings['model.fingerprint']}",
        **rows,
        "versions": versions,
    }
    lines = "\n".join(f"| {name} | {value} |" for name, value in table.items())
    return f"""\
---
{header}
---
# {state["id"]}

{title}, made by `{command}`.

{body}

| | |
|---|---|
{lines}
"""


def losses(run: RunDirectory) -> str:
    """The first and the last loss of a run."""
    found = [loss for row in read_json_lines(run.events) if (loss := row.get("loss")) is not None]
    return f"{found[0]:.4f} at the first step, {found[-1]:.4f} at the last" if found else "none"
