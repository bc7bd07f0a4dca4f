"""The LoRA that a run trains: its layers, and the file that it may go on from.

Nothing here imports torch unless there is such a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vtb.core.errors import UsageError, VtbError
from vtb.core.files import sha256_file
from vtb.models.checkpoint import Checkpoint
from vtb.models.lora.targets import linear_shapes, select_targets
from vtb.models.structure import Shapes
from vtb.recipe.schema import LoraTable
from vtb.run.plan import Check


def adapted_layers(table: LoraTable, checkpoint: Checkpoint, expert: str | None = None) -> Shapes:
    """Shapes of the layers that get a LoRA; raises UsageError when a target matches nothing."""
    linears = linear_shapes(checkpoint.shapes(checkpoint.transformers[expert or ""]))
    chosen = select_targets(linears, table.target_modules)
    return {name: linears[name] for name in chosen}


def absolute_start(table: LoraTable) -> list[str]:
    """The override that makes the file to go on from absolute, for runs from other directories."""
    return [f"lora.init_from={Path(table.init_from).resolve()}"] if table.init_from else []


def start_setting(table: LoraTable) -> dict[str, str]:
    """What of that file decides the result; raises UsageError when there is no such file."""
    if not table.init_from:
        return {}
    path = Path(table.init_from)
    if not path.is_file():
        raise UsageError(f"lora.init_from: `{path}` is no file", hint="leave it out to start anew")
    return {"lora.init_from": sha256_file(path)}


def start_checks(
    table: LoraTable, checkpoint: Checkpoint, expert: str | None = None
) -> Iterator[Check]:
    """Whether the LoRA to go on from belongs to the model and has the recipe's form."""
    if table.init_from:
        yield from _start_checks(table, checkpoint, expert)


def _start_checks(table: LoraTable, checkpoint: Checkpoint, expert: str | None) -> Iterator[Check]:
    from vtb.models.lora.check import require_lora
    from vtb.models.lora.file import read_lora

    try:
        start = read_lora(Path(table.init_from))
        warnings = require_lora(start, checkpoint, expert)
        layers = adapted_layers(table, checkpoint, expert)
    except VtbError as error:
        yield Check("error", "init_from", error.message, error.fact or error.hint)
        return
    ranks = {pair.down.shape[0] for pair in start.pairs.values()}
    if ranks != {table.rank}:
        message = f"`{table.init_from}` has rank {', '.join(map(str, sorted(ranks)))}"
        yield Check("error", "init_from", message, f"-s lora.rank={min(ranks)}")
    other = sorted(start.pairs.keys() ^ layers.keys())
    if other:
        message = f"`{table.init_from}` has other layers than the recipe, such as `{other[0]}`"
        yield Check("error", "init_from", message, "use the targets that it was trained with")
    for warning in warnings:
        yield Check("warning", "init_from", warning)
