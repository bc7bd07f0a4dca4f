"""A checkpoint with LoRAs merged into its transformers: `vtb models lora merge`."""

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
    link_missing,
    read_json,
    sha256_file,
)
from vtb.models.families import MARKER, derived_marker
from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.lora_check import require_lora, stated_expert, transformer
from vtb.models.wan.lora_file import Lora, read_lora
from vtb.models.wan.lora_shard import changes, merge_shard
from vtb.run.progress import progress
from vtb.run.settings import differences

RECORD_NAME = "vtb_merge.json"


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged checkpoint: how many layers each LoRA changed, and whether it was made now."""

    out: Path
    family: str
    layers: tuple[int, ...]
    warnings: tuple[str, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Input:
    file: Path
    lora: Lora
    weight: float
    expert: str | None
    shards: tuple[Path, ...]

    def record(self) -> dict[str, Any]:
        return {
            "sha256": sha256_file(self.file),
            "weight": self.weight,
            "expert": self.expert,
        }


def merge(
    files: Sequence[Path],
    weights: Sequence[float],
    model: Path,
    out: Path,
    *,
    expert: str | None = None,
    force: bool = False,
) -> Merged:
    """Writes `model` with the LoRAs, each times its weight, added to the transformers' weights.

    Names, shards and dtypes stay; sums are taken in float32. Other files are hard-linked where
    the file system can, else copied. `expert` is that of the files that name none. `out` appears
    when it is complete. Raises UnreadableError for a LoRA that does not belong to the model,
    UsageError when its expert is unknown, and ConflictError when `out` holds another result
    (unless `force`) or anything else.
    """
    checkpoint = open_checkpoint(model)
    inputs: list[_Input] = []
    warnings: list[str] = []
    for file, weight in zip(files, weights, strict=True):
        lora = read_lora(file)
        own = stated_expert(lora) or expert
        warnings += require_lora(lora, checkpoint, own)
        shards = checkpoint.paths(transformer(checkpoint, own))
        inputs.append(_Input(file, lora, weight, own, shards))
    settings: dict[str, Any] = {
        "family": checkpoint.variant.family,
        "base_fingerprint": weights_fingerprint(f for f in checkpoint.files if f.is_file()),
        "loras": [one.record() for one in inputs],
    }
    earlier = _earlier(out, model, settings, force=force)
    if earlier != settings:
        with atomic_directory(out) as building:
            atomic_write_json(building / RECORD_NAME, settings)
            _write(checkpoint, inputs, building)
            if earlier is not None:
                shutil.rmtree(out)
    return Merged(
        out=out,
        family=checkpoint.variant.family,
        layers=tuple(len(one.lora.pairs) for one in inputs),
        warnings=tuple(warnings),
        is_new=earlier != settings,
    )


def _earlier(
    out: Path, model: Path, settings: Mapping[str, Any], *, force: bool
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


def _write(checkpoint: WanCheckpoint, inputs: Sequence[_Input], target: Path) -> None:
    source = checkpoint.directory
    with progress("merging", sum(len(one.lora.pairs) for one in inputs)) as advance:
        for shard in sorted({shard for one in inputs for shard in one.shards}):
            added = [(one.lora, one.weight) for one in inputs if shard in one.shards]
            if changes(shard, added):
                merged = target / shard.relative_to(source)
                merged.parent.mkdir(exist_ok=True)
                merge_shard(shard, merged, added, advance)
    if (source / MARKER).is_file():
        atomic_write_json(target / MARKER, derived_marker(read_json(source / MARKER)))
    link_missing(source, target)
