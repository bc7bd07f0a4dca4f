"""Whether a checkpoint directory is complete and of a known structure: `vtb models check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vtb.core.errors import MissingEnvironmentError, UnreadableError
from vtb.core.files import read_json
from vtb.models import families
from vtb.models.families import FAMILIES, MARKER, LoraReport, ModelFamily, Part
from vtb.models.structure import Shapes, parameter_count, read_shapes, structure_hash
from vtb.run.extras import require_train_extra


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found in a directory.

    `complete` lists files of parts that are as they must be; `missing` and `unexpected` list
    files, and tensors as `part: name [shape]`. `parameters` counts all tensors found.
    """

    family: str
    complete: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    parameters: int
    lora: tuple[LoraReport, ...]

    @property
    def ok(self) -> bool:
        """Nothing is missing or unexpected, and every LoRA file fits."""
        return not (self.missing or self.unexpected) and all(lora.ok for lora in self.lora)


@dataclass(frozen=True, slots=True)
class _Found:
    part: Part
    absent: tuple[str, ...]
    shapes: Shapes

    @property
    def is_complete(self) -> bool:
        if self.absent or not self.part.structure_hash:
            return not self.absent
        return structure_hash(self.shapes) == self.part.structure_hash


def check(directory: Path, family: str | None = None, loras: Sequence[Path] = ()) -> CheckReport:
    """Compares a directory with its family's published structure, without loading weights.

    The family is recognised by its files and the channels of its transformer.
    Raises MissingEnvironmentError when the directory does not exist or the `train` extra is
    not installed (published T5 and VAE files are pickled state dicts, which torch reads), and
    UnreadableError when no family is recognised or a file is damaged.
    """
    _require_directory(directory)
    require_train_extra()
    model = families.load(family or _recognise(directory))
    found = [_look(directory, part) for part in model.parts(directory)]
    differences = [_compare(model, one) for one in found]
    return CheckReport(
        family=model.name,
        complete=tuple(file for one in found if one.is_complete for file in one.part.files),
        missing=tuple(name for missing, _ in differences for name in missing),
        unexpected=tuple(name for _, unexpected in differences for name in unexpected),
        parameters=sum(parameter_count(one.shapes) for one in found),
        lora=tuple(model.check_lora(directory, file) for file in loras),
    )


def family_of(directory: Path) -> ModelFamily:
    """The family whose model a directory holds; raises what `check` does."""
    _require_directory(directory)
    return families.load(_recognise(directory))


def _require_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise MissingEnvironmentError(
            f"model directory `{directory}` does not exist", hint="vtb models init --help"
        )


def _recognise(directory: Path) -> str:
    if (directory / MARKER).is_file():
        return str(read_json(directory / MARKER).get("family"))
    fits = {name: families.load(name).fit(directory) for name in FAMILIES}
    best = max(fits, key=lambda name: fits[name])
    if not fits[best]:
        raise UnreadableError(
            f"`{directory}` holds no model of a known family",
            fact=f"known: {', '.join(FAMILIES)}",
            hint=f"vtb models check {directory} --family NAME says what is missing",
        )
    return best


def _look(directory: Path, part: Part) -> _Found:
    absent = tuple(file for file in part.files if not (directory / file).is_file())
    present = [directory / file for file in part.files if file not in absent]
    return _Found(part, absent, read_shapes(present) if part.structure_hash else {})


def _compare(model: ModelFamily, found: _Found) -> tuple[list[str], list[str]]:
    if found.is_complete:
        return [], []
    if found.absent:
        return list(found.absent), []
    expected = model.expected_shapes(found.part)
    return _names(found.part, expected, found.shapes), _names(found.part, found.shapes, expected)


def _names(part: Part, these: Shapes, others: Shapes) -> list[str]:
    return [
        f"{part.name}: {name} {list(shape)}"
        for name, shape in these.items()
        if others.get(name) != shape
    ]
