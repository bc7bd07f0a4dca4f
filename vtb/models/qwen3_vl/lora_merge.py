"""A Qwen3-VL checkpoint with PEFT adapters merged into its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vtb.core.errors import UnreadableError
from vtb.core.files import sha256_file
from vtb.models.check import check
from vtb.models.families import Merged
from vtb.models.identity import weights_fingerprint
from vtb.models.lora.merged import Addition, write_merged
from vtb.models.qwen3_vl.adapter import ADAPTER_CONFIG, adapter_file
from vtb.models.qwen3_vl.checkpoint import (
    FAMILY,
    has_processor,
    present_processor_files,
    weight_files,
)
from vtb.models.qwen3_vl.lora_check import base_warnings, require_adapter


def merge(
    files: Sequence[Path],
    weights: Sequence[float],
    model: Path,
    out: Path,
    *,
    force: bool = False,
) -> Merged:
    """Writes `model` with the adapters, each times its weight, added to its weights.

    The processor is that of the last adapter that brings one, because it was trained with that.
    Raises UnreadableError when the model is not whole or an adapter does not fit it, and what
    `write_merged` does.
    """
    _require_whole(model)
    paths = [adapter_file(file) for file in files]
    shards = tuple(model / file for file in weight_files(model))
    additions = [
        Addition(require_adapter(model, path), weight, shards)
        for path, weight in zip(paths, weights, strict=True)
    ]
    settings = {
        "family": FAMILY,
        "base_fingerprint": weights_fingerprint(shards),
        "loras": [
            {
                "sha256": sha256_file(path),
                "config_sha256": sha256_file(path.with_name(ADAPTER_CONFIG)),
                "weight": weight,
            }
            for path, weight in zip(paths, weights, strict=True)
        ],
    }
    is_new = write_merged(
        model, out, additions, settings, replacements=_processor(paths), force=force
    )
    return Merged(
        out=out,
        family=FAMILY,
        layers=tuple(len(one.lora.pairs) for one in additions),
        warnings=tuple(text for path in paths for text in base_warnings(model, path)),
        is_new=is_new,
    )


def _require_whole(model: Path) -> None:
    report = check(model, FAMILY)
    wrong = [*report.missing, *report.unexpected]
    if wrong:
        raise UnreadableError(
            f"`{model}` is no whole {FAMILY} checkpoint",
            fact=f"{len(wrong)} files or tensors are missing or unexpected, such as `{wrong[0]}`",
            hint=f"vtb models check {model}",
        )


def _processor(adapters: Sequence[Path]) -> list[Path]:
    for directory in (path.parent for path in reversed(adapters)):
        if has_processor(directory):
            return [directory / name for name in present_processor_files(directory)]
    return []
