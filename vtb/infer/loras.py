"""Which LoRA file changes which transformer of a model, and what they were trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UsageError
from vtb.core.files import sha256_file
from vtb.models.wan.variants import EXPERTS, WanVariant

if TYPE_CHECKING:
    from vtb.models.checkpoint import Checkpoint
    from vtb.models.lora.file import Lora
    from vtb.models.wan.checkpoint import WanCheckpoint


@dataclass(frozen=True, slots=True)
class LoraFiles:
    """The files of a request by expert; that of a model with one transformer has the key ""."""

    by_expert: Mapping[str, Path]

    @property
    def text(self) -> str:
        """The paths, as one string."""
        return ", ".join(map(str, self.by_expert.values()))

    def record(self, checkpoint: WanCheckpoint) -> dict[str, Any]:
        """Paths, hashes and training buckets as JSON; `lora` alone for one transformer."""
        main = self.by_expert.get("high", self.by_expert.get(""))
        low = self.by_expert.get("low")
        return {
            "lora": _text(main),
            "lora_sha256": _hash(main),
            **({} if low is None else {"lora_low": str(low), "lora_low_sha256": _hash(low)}),
            "train_buckets": train_buckets(checkpoint, self.by_expert.values()),
        }

    def read(self, checkpoint: WanCheckpoint) -> tuple[dict[str, Lora], list[str]]:
        """The LoRAs by expert, and warnings.

        Raises UnreadableError for one of another model or expert, or one that changes nothing.
        """
        from vtb.models.lora.check import require_lora
        from vtb.models.lora.file import read_lora

        loras = {expert: read_lora(file) for expert, file in self.by_expert.items()}
        warnings = [
            warning
            for expert, lora in loras.items()
            # One for the high-noise expert may say nothing, which is worth a warning.
            for warning in require_lora(lora, checkpoint, "low" if expert == "low" else None)
        ]
        return loras, warnings


def train_buckets(checkpoint: Checkpoint, loras: Iterable[Path]) -> list[int] | None:
    """[start, stop) of the buckets that LoRAs and transformers were trained on.

    None where no file says so, as those of the published models.
    """
    from vtb.models.lora.file import read_metadata

    transformers = [checkpoint.paths(part)[0] for part in checkpoint.transformers.values()]
    texts = [read_metadata(file).get("train_buckets") for file in (*loras, *transformers)]
    ranges = [json.loads(text) for text in texts if text is not None]
    if not ranges:
        return None
    return [min(start for start, _ in ranges), max(stop for _, stop in ranges)]


def assign_loras(variant: WanVariant, files: Sequence[Path], low: Path | None) -> LoraFiles:
    """Gives each file to the expert that it names, or to the high-noise one if it names none.

    `low` is for the low-noise expert in any case. Raises UsageError for two files for the same
    transformer, and UnreadableError for a file that is none.
    """
    variant.check_expert(None if low is None else "low")
    wanted = [(_expert(variant, file), file) for file in files]
    wanted += [] if low is None else [("low", low)]
    by_expert: dict[str, Path] = {}
    for expert, file in wanted:
        if expert in by_expert:
            raise UsageError(
                f"two LoRA files for the {expert}-noise expert"
                if expert
                else f"two LoRA files for one transformer of {variant.family}",
                fact=f"`{by_expert[expert]}` and `{file}`",
                hint="give one file" if not expert else "name the other with --lora-low FILE",
            )
        by_expert[expert] = file
    return LoraFiles(by_expert)


def _expert(variant: WanVariant, file: Path) -> str:
    from vtb.models.lora.file import read_metadata

    stated = read_metadata(file).get("expert", "high")
    if variant.boundary is None:
        return ""
    return stated if stated in EXPERTS else "high"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _hash(path: Path | None) -> str | None:
    return None if path is None else sha256_file(path)
