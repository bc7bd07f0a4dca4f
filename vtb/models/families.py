"""The model families by name, and what each of them must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from vtb.core.errors import UsageError, did_you_mean
from vtb.models.structure import Shapes

# Written by `vtb models init` beside the weights: family, preset, seed (or that they are trained)
# and constructor arguments.
MARKER = "vtb_tiny.json"


def derived_marker(marker: Mapping[str, Any], **more: str) -> dict[str, Any]:
    """The marker of weights made from those of `marker`: `vtb models init` makes them no more."""
    kept = {key: value for key, value in marker.items() if key != "trained"}
    return {**kept, "seed": None, **more}


# Where the family object of each name lives; imported only when that family is used.
FAMILIES: Mapping[str, str] = {
    "wan2.2-ti2v-5b": "vtb.models.wan.family:TI2V_5B",
    "wan2.2-t2v-a14b": "vtb.models.wan.family:T2V_A14B",
    "wan2.2-i2v-a14b": "vtb.models.wan.family:I2V_A14B",
    "qwen-image": "vtb.models.qwen_image.family:BASE",
    "qwen-image-edit": "vtb.models.qwen_image.family:EDIT",
    "qwen-image-edit-2509": "vtb.models.qwen_image.family:EDIT_2509",
    "qwen-image-edit-2511": "vtb.models.qwen_image.family:EDIT_2511",
    "qwen3-vl": "vtb.models.qwen3_vl.family:QWEN3_VL",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a checkpoint: its files, relative to the directory, and its structure.

    `architecture` is the family's name for the model class, and `arguments` are those of the
    class. Files without tensors, such as a tokenizer's, form a part with an empty
    `structure_hash` and no architecture.
    """

    name: str
    files: tuple[str, ...]
    structure_hash: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class LoraReport:
    """How a LoRA file fits a checkpoint.

    `matched` counts the modules it fits; `unmatched` names modules the base does not have in that
    shape, `zero` matched modules whose update is all zeros. `faults` says why it belongs to
    another model although the shapes may fit, `warnings` what may be wrong. `layout` is that of
    the tensor names, `ranks` and `alphas` are the distinct ones.
    """

    file: Path
    matched: int
    unmatched: tuple[str, ...]
    zero: tuple[str, ...]
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    layout: str
    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    metadata: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Everything matches, nothing speaks against it, and the file changes something."""
        return not self.unmatched and not self.faults and len(self.zero) < self.matched


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged checkpoint: how many layers each LoRA changed, and whether it was made now."""

    out: Path
    family: str
    layers: tuple[int, ...]
    warnings: tuple[str, ...]
    is_new: bool


class ModelFamily(ABC):
    """One family of checkpoints in its published layout.

    `command` is the sub-command of `vtb train` and `vtb infer` that takes its models. `expert` is
    a transformer's name where a model has two; a family without experts raises UsageError for it.
    """

    name: str
    command: str
    presets: tuple[str, ...]

    @abstractmethod
    def write(self, directory: Path, preset: str, seed: int) -> int:
        """Writes a random checkpoint into an empty directory; returns its parameter count."""

    @abstractmethod
    def fit(self, directory: Path) -> int:
        """How many files there may be this family's; 0 when the directory holds another model.

        Raises UnreadableError for a damaged file.
        """

    @abstractmethod
    def parts(self, directory: Path) -> tuple[Part, ...]:
        """What a complete checkpoint there consists of; reads no weights."""

    @abstractmethod
    def expected_shapes(self, part: Part) -> Shapes:
        """Every tensor that a part must hold; imports the model code, allocates nothing."""

    @abstractmethod
    def check_lora(self, directory: Path, file: Path, expert: str | None = None) -> LoraReport:
        """Compares a LoRA file with the checkpoint; raises UnreadableError if it is not one."""

    @abstractmethod
    def merge_loras(
        self,
        files: Sequence[Path],
        weights: Sequence[float],
        directory: Path,
        out: Path,
        *,
        expert: str | None = None,
        force: bool = False,
    ) -> Merged:
        """Writes the checkpoint with LoRAs, each times its weight, added to its weights.

        Raises UnreadableError for a LoRA that does not belong to it, and ConflictError when `out`
        holds another result (unless `force`) or anything else.
        """


def load(name: str) -> ModelFamily:
    """The family of that name; raises UsageError with the nearest name when unknown."""
    if name not in FAMILIES:
        raise UsageError(f"unknown model family `{name}`", hint=did_you_mean(name, FAMILIES))
    module, attribute = FAMILIES[name].split(":")
    return vars(import_module(module))[attribute]
