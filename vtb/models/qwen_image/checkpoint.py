"""A Qwen-Image checkpoint directory: which variant it holds and in which files, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json
from vtb.models.checkpoint import (
    Checkpoint,
    present_layout,
    require_directory,
    resized,
    weight_files,
)
from vtb.models.families import MARKER, Part
from vtb.models.qwen_image.published import (
    MODEL_INDEX,
    PROCESSOR_DIRECTORY,
    PROCESSORS,
    TOKENIZER_DIRECTORY,
    TOKENIZERS,
    TRANSFORMER_CONFIG,
)
from vtb.models.qwen_image.variants import BASE, VARIANTS, QwenImageVariant


@dataclass(frozen=True, slots=True)
class QwenImageCheckpoint(Checkpoint):
    """A directory of a Qwen-Image model."""

    variant: QwenImageVariant

    @property
    def family(self) -> str:
        return self.variant.family

    @property
    def repository(self) -> str:
        return self.variant.repository

    @property
    def transformers(self) -> Mapping[str, Part]:
        return {"": self.part("dit")}


def open_checkpoint(
    directory: Path, variant: QwenImageVariant | None = None
) -> QwenImageCheckpoint:
    """The checkpoint in `directory`; a preset's marker file replaces the real architecture.

    Raises MissingEnvironmentError when there is no such directory and UnreadableError when
    `model_index.json` and the transformer's configuration are another model's, or without
    `variant` absent. Other missing files are found by `require`, not here.
    """
    require_directory(directory, (variant or BASE).family)
    found = _stated_variant(directory)
    wanted = variant or found
    if wanted is None or (found != wanted and (directory / MODEL_INDEX).is_file()):
        raise UnreadableError(
            f"`{directory}` holds no {variant.family if variant else 'Qwen-Image'} model",
            fact=_description(directory),
        )
    parts = tuple(_located(part, directory) for part in wanted.parts)
    if (directory / MARKER).is_file():
        parts = resized(parts, read_json(directory / MARKER), directory)
    return QwenImageCheckpoint(directory, parts, wanted)


def fit(directory: Path, variant: QwenImageVariant) -> int:
    """How many files of a variant are there; 0 unless `model_index.json` is that variant's."""
    if _stated_variant(directory) != variant:
        return 0
    files = (file for part in variant.parts for file in _located(part, directory).files)
    return sum((directory / file).is_file() for file in files)


def _stated_variant(directory: Path) -> QwenImageVariant | None:
    """The variant that the configuration files name; Edit-2511 has the class of Edit-2509."""
    stated = (_pipeline(directory), _has_zero_cond_t(directory))
    known = (v for v in VARIANTS.values() if (v.pipeline, v.zero_cond_t) == stated)
    return next(known, None)


def _pipeline(directory: Path) -> str | None:
    index = directory / MODEL_INDEX
    return read_json(index).get("_class_name") if index.is_file() else None


def _has_zero_cond_t(directory: Path) -> bool:
    config = directory / TRANSFORMER_CONFIG
    return config.is_file() and bool(read_json(config).get("zero_cond_t"))


def _description(directory: Path) -> str:
    if not (directory / MODEL_INDEX).is_file():
        return f"no {MODEL_INDEX}"
    state = "with" if _has_zero_cond_t(directory) else "without"
    return f"{MODEL_INDEX} says `{_pipeline(directory)}`, {state} zero_cond_t in the transformer"


def _located(part: Part, directory: Path) -> Part:
    """The part with the files of the layout that is there."""
    if part.architecture:
        return replace(part, files=weight_files(directory, part.files[0]))
    if part.name == "tokenizer":
        return replace(part, files=_present(directory, TOKENIZER_DIRECTORY, TOKENIZERS))
    if part.name == "processor":
        found = (
            _present(directory, PROCESSOR_DIRECTORY, kind) for kind in (TOKENIZERS, PROCESSORS)
        )
        return replace(part, files=tuple(file for files in found for file in files))
    return part


def _present(directory: Path, folder: str, layouts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(f"{folder}/{file}" for file in present_layout(directory / folder, layouts))
