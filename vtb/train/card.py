"""The model card of a finished run."""

from __future__ import annotations

from pathlib import Path

from vtb.core.files import read_json_lines
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.validation.best import read_best


def card(
    run: RunDirectory, recipe: VideoRecipe, step: int, *, title: str, body: str, tags: str
) -> str:
    """README.md: what was trained (`title`, `body`), on what, how, and with which result."""
    state = run.state()
    settings = state["settings"]
    data, train = recipe.data, recipe.train
    versions = ", ".join(f"{name} {number}" for name, number in state["versions"].items())
    return f"""\
---
base_model: {recipe.model.family}
tags: [vtb, {tags}]
---
# {state["id"]}

{title}, made by `vtb train video`.

{body}

| | |
|---|---|
| recipe | `{state["recipe"]}` |
| data set | `{Path(state["inputs"]["data"]).name}`, manifest {settings["data.manifest_hash"]} |
| base weights | fingerprint {settings["model.fingerprint"]} |
| clips | {data.num_frames} frames of {data.height}x{data.width} px at {data.fps:g} fps |
| steps | {step} of {train.batch} samples, learning rate {train.lr:g} ({train.scheduler}) |
| averaged weights | {f"decay {train.ema:g} per step" if train.ema else "no"} |
| seed | {train.seed} |
| loss | {_losses(run)} |
{_best_row(run)}| versions | {versions} |
"""


def _losses(run: RunDirectory) -> str:
    losses = [loss for row in read_json_lines(run.events) if (loss := row.get("loss")) is not None]
    return f"{losses[0]:.4f} at the first step, {losses[-1]:.4f} at the last" if losses else "none"


def _best_row(run: RunDirectory) -> str:
    best = read_best(run)
    if best is None:
        return ""
    return f"| best on held-out samples | {best}, kept in `../checkpoints/{best.directory}` |\n"
