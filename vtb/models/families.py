"""The model families by name, and what each of them must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from vtb.core.errors import UsageError, did_you_mean
from vtb.models.structure import Shapes

# Written by `vtb models init` beside the weights: family, preset, seed and constructor arguments.
MARKER = "vtb_tiny.json"

# Where the family object of each name lives; imported only when that family is used.
FAMILIES: Mapping[str, str] = {
    "wan2.2-ti2v-5b": "vtb.models.wan.family:TI2V_5B",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One model of a checkpoint: its files, relative to the directory, and its structure.

    `arguments` are those of the model class. Files without tensors, such as a tokenizer's, form a
    part with an empty `structure_hash`.
    """

    name: str
    files: tuple[str, ...]
    structure_hash: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class LoraReport:
    """How a LoRA file fits a checkpoint.

    `matched` counts the modules it fits; `unmatched` names modules the base does not have in that
    shape, `zero` matched modules whose update is all zeros.
    """

    file: Path
    matched: int
    unmatched: tuple[str, ...]
    zero: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Everything matches and the file changes something."""
        return not self.unmatched and len(self.zero) < self.matched


class ModelFamily(ABC):
    """One family of checkpoints in its published layout."""

    name: str
    presets: tuple[str, ...]

    @abstractmethod
    def write(self, directory: Path, preset: str, seed: int) -> int:
        """Writes a random checkpoint into an empty directory; returns its parameter count."""

    @abstractmethod
    def parts(self, directory: Path) -> tuple[Part, ...]:
        """What a complete checkpoint there consists of; reads no weights."""

    @abstractmethod
    def expected_shapes(self, part: Part) -> Shapes:
        """Every tensor that a part must hold; imports the model code, allocates nothing."""

    @abstractmethod
    def check_lora(self, directory: Path, file: Path) -> LoraReport:
        """Compares a LoRA file with the checkpoint; raises UnreadableError if it is not one."""


def load(name: str) -> ModelFamily:
    """The family of that name; raises UsageError with the nearest name when unknown."""
    if name not in FAMILIES:
        raise UsageError(f"unknown model family `{name}`", hint=did_you_mean(name, FAMILIES))
    module, attribute = FAMILIES[name].split(":")
    return vars(import_module(module))[attribute]
