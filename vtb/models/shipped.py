"""The trained checkpoints that come with vtb."""

from __future__ import annotations

from pathlib import Path

from vtb.core.shipped import shipped_directory


def trained_checkpoint(family: str, preset: str) -> Path | None:
    """The directory of a preset's trained checkpoint, or None where vtb ships none."""
    directory = shipped_directory("assets") / preset / family
    return directory if directory.is_dir() else None
