"""Where recipes and mixtures are: shipped ones by name, others by path."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vtb.core.errors import UsageError, did_you_mean
from vtb.core.shipped import shipped_directory

MIXTURES = "gen"


def shipped() -> dict[str, Path]:
    """The files of the shipped recipes by name, such as `video/wan2.2-ti2v-5b-lora`."""
    root = _root()
    paths = sorted(path for path in root.glob("*/*.toml") if path.parent.name != MIXTURES)
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}


def mixtures() -> dict[str, Path]:
    """The files of the shipped mixtures by name, such as `mini-vae`."""
    return {path.stem: path for path in sorted((_root() / MIXTURES).glob("*.toml"))}


def find(reference: str, beside: Path) -> Path:
    """The file of a shipped recipe, or of a path that ends in `.toml`, relative to `beside`.

    Raises UsageError with the nearest name when there is no such recipe.
    """
    return _find("recipe", reference, beside, shipped())


def find_mixture(reference: str) -> Path:
    """The file of a shipped mixture or of a path; as `find`."""
    return _find("mixture", reference, Path(), mixtures())


def _find(what: str, reference: str, beside: Path, known: Mapping[str, Path]) -> Path:
    if reference.endswith(".toml"):
        path = beside / reference
        if not path.is_file():
            raise UsageError(f"{what} file `{path}` does not exist")
        return path
    if reference not in known:
        raise UsageError(f"unknown {what} `{reference}`", hint=did_you_mean(reference, known))
    return known[reference]


def _root() -> Path:
    return shipped_directory("recipes")
