"""A Wan checkpoint directory: which variant it holds and of what parts, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vtb.core.errors import UnreadableError, did_you_mean
from vtb.core.files import read_json
from vtb.models.checkpoint import Checkpoint, require_directory, resized
from vtb.models.families import MARKER, Part
from vtb.models.structure import read_shapes
from vtb.models.wan.variants import EXPERTS, TI2V_5B, VARIANTS, WanVariant

PATCH_WEIGHT = "patch_embedding.weight"  # (dim, in_channels, *patch_size)


@dataclass(frozen=True, slots=True)
class WanCheckpoint(Checkpoint):
    """A directory of a Wan model."""

    variant: WanVariant

    @property
    def family(self) -> str:
        return self.variant.family

    @property
    def repository(self) -> str:
        return self.variant.repository

    @property
    def transformers(self) -> Mapping[str, Part]:
        if self.variant.boundary is None:
            return {"": self.part("dit")}
        return {expert: self.part(name) for expert, name in EXPERTS.items()}


def open_checkpoint(directory: Path, variant: WanVariant | None = None) -> WanCheckpoint:
    """The checkpoint in `directory`; a preset's marker file replaces the real architecture.

    Without `variant` the marker names it, or the files do: see `fit`. Raises
    MissingEnvironmentError when there is no such directory and UnreadableError when the marker
    belongs to another family. Missing files are found by `require`, not here.
    """
    require_directory(directory, (variant or TI2V_5B).family)
    if not (directory / MARKER).exists():
        found = variant or max(VARIANTS.values(), key=lambda known: fit(directory, known))
        return WanCheckpoint(directory, found.parts, found)
    marker = read_json(directory / MARKER)
    marked = VARIANTS.get(marker.get("family", ""))
    if marked is None:
        raise UnreadableError(
            f"`{directory}` holds no Wan model",
            fact=f"{MARKER} says `{marker.get('family')}`",
            hint=did_you_mean(str(marker.get("family")), VARIANTS),
        )
    if variant not in (None, marked):
        return WanCheckpoint(directory, variant.parts, variant)
    return WanCheckpoint(directory, resized(marked.parts, marker, directory), marked)


def fit(directory: Path, variant: WanVariant) -> int:
    """How many weight files of a variant are there; 0 when the transformer is another one's.

    T2V and I2V differ in nothing but the channels that their transformers read.
    """
    files = [directory / file for part in variant.parts if part.architecture for file in part.files]
    shards = [directory / file for part in variant.transformers for file in part.files]
    shapes = read_shapes(shard for shard in shards if shard.is_file())
    channels = shapes.get(PATCH_WEIGHT, (0, variant.in_channels))[1]
    return sum(file.is_file() for file in files) if channels == variant.in_channels else 0
