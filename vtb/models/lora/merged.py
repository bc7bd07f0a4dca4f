"""A checkpoint directory with LoRAs merged into its weights, of any family."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import (
    atomic_directory,
    atomic_write_json,
    link_file,
    link_missing,
    read_json,
)
from vtb.models.families import MARKER, derived_marker
from vtb.models.lora.file import Lora
from vtb.models.lora.shard import changes, merge_shard
from vtb.run.progress import progress
from vtb.run.settings import differences

RECORD_NAME = "vtb_merge.json"


@dataclass(frozen=True, slots=True)
class Addition:
    """A LoRA, its factor, and the files that hold the layers it was made for."""

    lora: Lora
    weight: float
    shards: tuple[Path, ...]


def write_merged(
    model: Path,
    out: Path,
    additions: Sequence[Addition],
    settings: Mapping[str, Any],
    *,
    replacements: Sequence[Path] = (),
    force: bool = False,
) -> bool:
    """Writes `model` with LoRAs added to its weights; returns whether it was not there already.

    Names, shards and dtypes stay; sums are taken in float32. Other files are hard-linked where
    the file system can, else copied; `replacements` take the place of the model's files of their
    names. `settings` say what the result depends on and are kept with it. `out` appears when it
    is complete. Raises UnreadableError for quantised weights, UsageError for an `out` inside of
    `model`, and ConflictError when `out` holds another result (unless `force`) or anything else.
    """
    earlier = _earlier(model, out, settings, force=force)
    if earlier == settings:
        return False
    with atomic_directory(out) as building:
        atomic_write_json(building / RECORD_NAME, settings)
        _write_weights(model, additions, building)
        if (model / MARKER).is_file():
            atomic_write_json(building / MARKER, derived_marker(read_json(model / MARKER)))
        for path in replacements:
            link_file(path, building / path.name)
        link_missing(model, building)
        if earlier is not None:
            shutil.rmtree(out)
    return True


def _earlier(
    model: Path, out: Path, settings: Mapping[str, Any], *, force: bool
) -> dict[str, Any] | None:
    if out.is_relative_to(model):
        raise UsageError(
            f"`{out}` lies in the model's own directory",
            hint="choose another directory with -o",
        )
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / RECORD_NAME).is_file():
        raise ConflictError(
            f"`{out}` is not empty and holds no merged model",
            fact=f"no {RECORD_NAME}",
            hint="choose another directory with -o",
        )
    record = read_json(out / RECORD_NAME)
    differing = differences(record, dict(settings))
    if differing and not force:
        raise ConflictError(
            f"`{out}` holds another merged model",
            fact="; ".join(differing),
            hint="choose another directory with -o, or replace it with --force",
        )
    return record


def _write_weights(model: Path, additions: Sequence[Addition], target: Path) -> None:
    with progress("merging", sum(len(one.lora.pairs) for one in additions)) as advance:
        for shard in sorted({shard for one in additions for shard in one.shards}):
            added = [(one.lora, one.weight) for one in additions if shard in one.shards]
            if changes(shard, added):
                merged = target / shard.relative_to(model)
                merged.parent.mkdir(exist_ok=True)
                merge_shard(shard, merged, added, advance)
