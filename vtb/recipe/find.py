"""Where recipes are: shipped ones by name, others by path."""

from __future__ import annotations

from pathlib import Path

import vtb
from vtb.core.errors import UsageError, did_you_mean


def shipped() -> dict[str, Path]:
    """The files of the shipped recipes by name, such as `video/wan2.2-ti2v-5b-lora`."""
    root = _root()
    paths = sorted(root.glob("*/*.toml"))
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}


def find(reference: str, beside: Path) -> Path:
    """The file of a shipped recipe, or of a path that ends in `.toml`, relative to `beside`.

    Raises UsageError with the nearest name when there is no such recipe.
    """
    if reference.endswith(".toml"):
        path = beside / reference
        if not path.is_file():
            raise UsageError(f"recipe file `{path}` does not exist")
        return path
    known = shipped()
    if reference not in known:
        raise UsageError(f"unknown recipe `{reference}`", hint=did_you_mean(reference, known))
    return known[reference]


def _root() -> Path:
    package = Path(vtb.__file__).resolve().parent
    in_wheel = package / "_recipes"
    return in_wheel if in_wheel.is_dir() else package.parent / "recipes"
