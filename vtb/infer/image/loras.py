"""The LoRA files of a request for pictures; several are added up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import sha256_file
from vtb.infer.loras import train_buckets
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.recipe.image import ImageDataTable

if TYPE_CHECKING:
    from vtb.models.lora.file import Lora


def lora_record(checkpoint: QwenImageCheckpoint, files: Sequence[Path]) -> dict[str, Any]:
    """Paths, hashes and training buckets as JSON."""
    return {
        "lora": [str(file) for file in files],
        "lora_sha256": [sha256_file(file) for file in files],
        "train_buckets": train_buckets(checkpoint, files),
    }


def trained_on(files: Sequence[Path]) -> ImageDataTable:
    """How pictures came to the model when the LoRAs were trained, where they say so.

    Raises UsageError when they say different things, UnreadableError for a file that is no LoRA.
    """
    tables = {file: table for file in files if (table := _table(file)) is not None}
    if len(set(tables.values())) > 1:
        raise UsageError(
            "the LoRAs were trained on pictures of different sizes",
            fact="; ".join(f"`{file}`: {table}" for file, table in tables.items()),
            hint="use them one at a time",
        )
    return next(iter(tables.values()), ImageDataTable())


def read_sum(
    checkpoint: QwenImageCheckpoint, files: Sequence[Path]
) -> tuple[Lora | None, list[str]]:
    """The sum of the LoRAs, None without files, and warnings.

    Raises UnreadableError for one of another model, or one that changes nothing.
    """
    from vtb.models.lora.check import require_lora
    from vtb.models.lora.file import read_lora
    from vtb.models.lora.resize import concatenate

    loras = [read_lora(file) for file in files]
    warnings = [text for lora in loras for text in require_lora(lora, checkpoint)]
    if len(loras) < 2:
        return next(iter(loras), None), warnings
    return concatenate(loras, [1.0] * len(loras)), warnings


def _table(file: Path) -> ImageDataTable | None:
    from vtb.models.lora.file import read_metadata

    metadata = read_metadata(file)
    said = {key: metadata[key] for key in ImageDataTable.model_fields if key in metadata}
    try:
        return ImageDataTable.model_validate(said) if said else None
    except ValidationError as error:
        raise UnreadableError(f"`{file}` has unusable metadata", fact=str(said)) from error
