"""A Wan checkpoint with LoRAs merged into its transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtb.core.files import sha256_file
from vtb.models.families import Merged
from vtb.models.identity import weights_fingerprint
from vtb.models.lora_merge import Addition, write_merged
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.models.wan.lora_check import require_lora, stated_expert, transformer
from vtb.models.wan.lora_file import read_lora


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

    `expert` is that of the files that name none. Raises UnreadableError for a LoRA that does not
    belong to the model, UsageError when its expert is unknown, and what `write_merged` does.
    """
    checkpoint = open_checkpoint(model)
    additions: list[Addition] = []
    records: list[dict[str, Any]] = []
    warnings: list[str] = []
    for file, weight in zip(files, weights, strict=True):
        lora = read_lora(file)
        own = stated_expert(lora) or expert
        warnings += require_lora(lora, checkpoint, own)
        shards = checkpoint.paths(transformer(checkpoint, own))
        additions.append(Addition(lora, weight, shards))
        records.append({"sha256": sha256_file(file), "weight": weight, "expert": own})
    settings = {
        "family": checkpoint.variant.family,
        "base_fingerprint": weights_fingerprint(f for f in checkpoint.files if f.is_file()),
        "loras": records,
    }
    is_new = write_merged(model, out, additions, settings, force=force)
    return Merged(
        out=out,
        family=checkpoint.variant.family,
        layers=tuple(len(one.lora.pairs) for one in additions),
        warnings=tuple(warnings),
        is_new=is_new,
    )
