"""The settings an output directory was made with: recorded once, compared ever after."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from vtb.core.errors import ConflictError
from vtb.core.files import atomic_write_json, read_json

SHOWN_DIFFERENCES = 6


def record_settings(
    path: Path,
    settings: Mapping[str, Any],
    *,
    free: Collection[str] = (),
    force: bool = False,
) -> None:
    """Writes `settings` (JSON) unless the same are there; raises ConflictError at others.

    The keys in `free` are recorded anew each time and never compared. With `force` the new
    settings replace others; what those made must be discarded before.
    """
    before = read_json(path) if path.exists() else {}
    differing = differences(_bound(before, free), _bound(settings, free)) if before else []
    if differing and not force:
        raise ConflictError(
            f"`{path.parent}` was made with other settings",
            fact=_listed(differing),
            hint="choose another directory with -o, or replace it with --force",
        )
    if before != settings:
        atomic_write_json(path, settings)


def _bound(settings: Mapping[str, Any], free: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in free}


def _listed(differing: Sequence[str]) -> str:
    shown = "; ".join(differing[:SHOWN_DIFFERENCES])
    more = len(differing) - SHOWN_DIFFERENCES
    return f"{shown}; and {more} more" if more > 0 else shown


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """One line per leaf that differs between two JSON values."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in sorted({*old, *new})
            for line in differences(old.get(key), new.get(key), f"{path}.{key}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            line
            for i, pair in enumerate(zip(old, new, strict=True))
            for line in differences(*pair, f"{path}[{i}]")
        ]
    if isinstance(old, list) and isinstance(new, list):
        return [f"{path.lstrip('.')} has {len(old)} entries there, {len(new)} now"]
    return [] if old == new else [f"{path.lstrip('.')} is {old!r} there, {new!r} now"]
