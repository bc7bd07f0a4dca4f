"""A Wan checkpoint directory: which variant it holds and of what parts, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtb.core.errors import MissingEnvironmentError, UnreadableError, did_you_mean
from vtb.core.files import read_json
from vtb.models.families import MARKER, Part
from vtb.models.structure import Shapes, read_shapes, structure_hash
from vtb.models.wan.variants import EXPERTS, TI2V_5B, VARIANTS, WanVariant

RESIZED = ("structure_hash", "arguments")
PATCH_WEIGHT = "patch_embedding.weight"  # (dim, in_channels, *patch_size)


@dataclass(frozen=True, slots=True)
class WanCheckpoint:
    """A directory in the published layout; `parts` are the real model's or those of a preset."""

    directory: Path
    variant: WanVariant
    parts: tuple[Part, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """Absolute paths of the files of all parts."""
        return tuple(path for part in self.parts for path in self.paths(part))

    @property
    def transformers(self) -> Mapping[str, Part]:
        """The transformers by expert, `high` and `low`; one that is alone has the key ""."""
        if self.variant.boundary is None:
            return {"": self.part("dit")}
        return {expert: self.part(name) for expert, name in EXPERTS.items()}

    def part(self, name: str) -> Part:
        """The part of that name."""
        return next(part for part in self.parts if part.name == name)

    def paths(self, part: Part) -> tuple[Path, ...]:
        """Absolute paths of a part's files."""
        return tuple(self.directory / file for file in part.files)

    def require(self, parts: Iterable[Part]) -> None:
        """Raises MissingEnvironmentError naming the first file that is absent."""
        for path in (path for part in parts for path in self.paths(part)):
            if not path.is_file():
                raise MissingEnvironmentError(
                    f"`{path}` is missing",
                    fact=f"{self.variant.family} needs it",
                    hint=f"download {self.variant.repository} into `{self.directory}`, or make a "
                    f"random model with `vtb models init {self.variant.family}`",
                )

    def shapes(self, part: Part) -> Shapes:
        """Shapes of a part's tensors; raises UnreadableError unless they are the expected ones."""
        shapes = read_shapes(self.paths(part))
        found = structure_hash(shapes)
        if found != part.structure_hash:
            raise UnreadableError(
                f"`{self.directory / part.files[0]}` is not the {part.name} of "
                f"{self.variant.family}",
                fact=f"structure {found}, expected {part.structure_hash}",
                hint=f"vtb models check {self.directory}",
            )
        return shapes


def open_checkpoint(directory: Path, variant: WanVariant | None = None) -> WanCheckpoint:
    """The checkpoint in `directory`; a preset's marker file replaces the real architecture.

    Without `variant` the marker names it, or the files do: see `fit`. Raises
    MissingEnvironmentError when there is no such directory and UnreadableError when the marker
    belongs to another family. Missing files are found by `require`, not here.
    """
    if not directory.is_dir():
        family = (variant or TI2V_5B).family
        raise MissingEnvironmentError(
            f"model directory `{directory}` does not exist",
            hint=f"vtb models init {family} --preset tiny -o {directory}",
        )
    if not (directory / MARKER).exists():
        found = variant or max(VARIANTS.values(), key=lambda known: fit(directory, known))
        return WanCheckpoint(directory, found, found.parts)
    marker = read_json(directory / MARKER)
    marked = VARIANTS.get(marker.get("family", ""))
    if marked is None:
        raise UnreadableError(
            f"`{directory}` holds no Wan model",
            fact=f"{MARKER} says `{marker.get('family')}`",
            hint=did_you_mean(str(marker.get("family")), VARIANTS),
        )
    if variant not in (None, marked):
        return WanCheckpoint(directory, variant, variant.parts)
    return WanCheckpoint(directory, marked, tuple(_resized(marked.parts, marker, directory)))


def fit(directory: Path, variant: WanVariant) -> int:
    """How many weight files of a variant are there; 0 when the transformer is another one's.

    T2V and I2V differ in nothing but the channels that their transformers read.
    """
    files = [directory / file for part in variant.parts if part.architecture for file in part.files]
    shards = [directory / file for part in variant.transformers for file in part.files]
    shapes = read_shapes(shard for shard in shards if shard.is_file())
    channels = shapes.get(PATCH_WEIGHT, (0, variant.in_channels))[1]
    return sum(file.is_file() for file in files) if channels == variant.in_channels else 0


def _resized(parts: Iterable[Part], marker: Mapping[str, Any], directory: Path) -> Iterator[Part]:
    for part in parts:
        try:
            entry = marker["parts"][part.name] if part.structure_hash else {}
            yield replace(part, **{key: entry[key] for key in RESIZED if entry})
        except (KeyError, TypeError) as error:
            raise UnreadableError(
                f"`{directory / MARKER}` is damaged", fact=f"no entry for {part.name}"
            ) from error
