"""A checkpoint directory of a diffusion model: its parts and their files, without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtb.core.errors import MissingEnvironmentError, UnreadableError
from vtb.core.files import read_json
from vtb.models import families
from vtb.models.families import MARKER, Part
from vtb.models.structure import Shapes, differing, read_shapes, structure_hash

RESIZED = ("structure_hash", "arguments")


@dataclass(frozen=True, slots=True)
class Checkpoint(ABC):
    """A directory in the published layout; `parts` are the real model's or those of a preset."""

    directory: Path
    parts: tuple[Part, ...]

    @property
    @abstractmethod
    def family(self) -> str:
        """The family's name."""

    @property
    @abstractmethod
    def repository(self) -> str:
        """Where the model is published."""

    @property
    @abstractmethod
    def transformers(self) -> Mapping[str, Part]:
        """The transformers by expert; one that is alone has the key ""."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Absolute paths of the files of all parts."""
        return tuple(path for part in self.parts for path in self.paths(part))

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
                    fact=f"{self.family} needs it",
                    hint=f"download {self.repository} into `{self.directory}`, or make a "
                    f"random model with `vtb models init {self.family}`",
                )

    def shapes(self, part: Part) -> Shapes:
        """Shapes of a part's tensors; raises UnreadableError unless they are the expected ones."""
        shapes = read_shapes(self.paths(part))
        if structure_hash(shapes) != part.structure_hash:
            expected = families.load(self.family).expected_shapes(part)
            wrong = differing(shapes, expected)
            names = ", ".join(wrong[:3])
            raise UnreadableError(
                f"`{self.directory / part.files[0]}` is not the {part.name} of {self.family}",
                fact=f"missing, unexpected or reshaped tensors ({len(wrong)}): {names}; "
                f"structure {structure_hash(shapes)}, expected {part.structure_hash}",
                hint=f"vtb models check {self.directory}",
            )
        return shapes


def require_directory(directory: Path, family: str) -> None:
    """Raises MissingEnvironmentError when there is no such directory."""
    if not directory.is_dir():
        raise MissingEnvironmentError(
            f"model directory `{directory}` does not exist",
            hint=f"vtb models init {family} --preset tiny -o {directory}",
        )


def weight_files(directory: Path, file: str) -> tuple[str, ...]:
    """That one file with weights, or the shards that an index beside it names.

    Raises UnreadableError when the index is damaged.
    """
    index = directory / f"{file}.index.json"
    if not index.is_file():
        return (file,)
    try:
        shards = sorted(set(read_json(index)["weight_map"].values()))
        return tuple(str(Path(file).with_name(shard)) for shard in shards)
    except (KeyError, AttributeError, TypeError) as error:
        raise UnreadableError(f"`{index}` is damaged", fact="no table `weight_map`") from error


def present_layout(directory: Path, layouts: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The first of the layouts of which all files are there, else the first."""
    whole = (files for files in layouts if all((directory / file).is_file() for file in files))
    return next(whole, layouts[0])


def resized(parts: Iterable[Part], marker: Mapping[str, Any], directory: Path) -> tuple[Part, ...]:
    """Parts with the structures and arguments that a preset's marker says.

    Raises UnreadableError when it says nothing of one of them.
    """
    return tuple(_resized(parts, marker, directory))


def _resized(parts: Iterable[Part], marker: Mapping[str, Any], directory: Path) -> Iterator[Part]:
    for part in parts:
        try:
            entry = marker["parts"][part.name] if part.structure_hash else {}
            yield replace(part, **{key: entry[key] for key in RESIZED if entry})
        except (KeyError, TypeError) as error:
            raise UnreadableError(
                f"`{directory / MARKER}` is damaged", fact=f"no entry for {part.name}"
            ) from error
