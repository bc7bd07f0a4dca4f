"""Where the data is that comes with vtb but stands beside its package in a checkout."""

from __future__ import annotations

from pathlib import Path

import vtb


def shipped_directory(name: str) -> Path:
    """A top-level directory of the repository, such as `recipes`; a wheel has it in the package."""
    package = Path(vtb.__file__).resolve().parent
    in_wheel = package / f"_{name}"
    return in_wheel if in_wheel.is_dir() else package.parent / name
