"""The result of a run: a checkpoint or an adapter, with its processor and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from vtb.core.files import atomic_directory, atomic_write_json, link_file, read_json
from vtb.models.families import MARKER, derived_marker
from vtb.models.qwen3_vl.adapter import ADAPTER, ADAPTER_CONFIG
from vtb.models.qwen3_vl.checkpoint import CONFIG, GENERATION, INDEX, weight_files
from vtb.models.qwen3_vl.load import load_processor
from vtb.models.qwen3_vl.processor import save_processor
from vtb.recipe.load import load
from vtb.recipe.vlm import VlmRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.vlm.card import card
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.job import limits_of


def finish(arguments: VlmChildArguments) -> bool:
    """Writes `final/` of a run from its newest checkpoint, in a process of its own."""
    run = RunDirectory(arguments.run)
    write_final(run, load(VlmRecipe, str(run.recipe)).recipe, arguments.model, max(run.steps()))
    return True


def write_final(run: RunDirectory, recipe: VlmRecipe, base: Path, step: int) -> None:
    """Writes `final/` from the checkpoint of a step: weights are links, or copies where need be.

    Beside them stand the processor of the base with the recipe's limits of pictures, so that
    whoever loads it sees pictures as training did, and README.md. An older `final/` is replaced.
    """
    checkpoint = run.checkpoint(step)
    is_adapter = recipe.train.target == "lora"
    readme = card(run, recipe, step)
    shutil.rmtree(run.final, ignore_errors=True)
    with atomic_directory(run.final) as temporary:
        if is_adapter:
            _link(checkpoint, temporary, (ADAPTER, ADAPTER_CONFIG))
        else:
            present = INDEX if (checkpoint / INDEX).is_file() else CONFIG
            _link(checkpoint, temporary, {CONFIG, present, *weight_files(checkpoint)})
            _link(base, temporary, (GENERATION,))
            _mark(run, base, temporary)
        save_processor(load_processor(base, limits_of(recipe)), temporary)
        (temporary / "README.md").write_text(readme, encoding="utf-8")


def _link(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        link_file(source / name, target / name)


def _mark(run: RunDirectory, base: Path, target: Path) -> None:
    """No seed makes the weights of a small model again once it was trained."""
    if (base / MARKER).is_file():
        marker = derived_marker(read_json(base / MARKER), run=run.state()["id"])
        atomic_write_json(target / MARKER, marker)
