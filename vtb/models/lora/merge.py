"""A checkpoint with LoRAs merged into its transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtb.core.files import sha256_file
from vtb.models.checkpoint import Checkpoint
from vtb.models.families import Merged
from vtb.models.identity import weights_fingerprint
from vtb.models.lora.check import require_lora, stated_expert, transformer
from vtb.models.lora.file import read_lora
from vtb.models.lora.merged import Addition, write_merged


def merge(
    files: Sequence[Path],
    weights: Sequence[float],
    checkpoint: Checkpoint,
    out: Path,
    *,
    expert: str | None = None,
    force: bool = False,
) -> Merged:
    """Writes a checkpoint with LoRAs, each times its weight, added to its transformers' weights.

    `expert` is that of the files that name none. Raises UnreadableError for a LoRA that does not
    belong to the model, UsageError when its expert is unknown, and what `write_merged` does.
    """
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
        "family": checkpoint.family,
        "base_fingerprint": weights_fingerprint(f for f in checkpoint.files if f.is_file()),
        "loras": records,
    }
    is_new = write_merged(checkpoint.directory, out, additions, settings, force=force)
    return Merged(
        out=out,
        family=checkpoint.family,
        layers=tuple(len(one.lora.pairs) for one in additions),
        warnings=tuple(warnings),
        is_new=is_new,
    )
