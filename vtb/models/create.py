"""Makes small checkpoints, trained or random: `vtb models init`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import ConflictError, DiskError, UsageError, did_you_mean
from vtb.core.files import atomic_directory, read_json
from vtb.models import families
from vtb.models.families import MARKER, ModelFamily
from vtb.models.shipped import trained_checkpoint
from vtb.run.extras import require_train_extra

# What a marker says about the models themselves; the rest of it says where they come from.
CONTENT = ("parameters", "parts")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A small checkpoint on disk; `size_bytes` is that of all files, named relative to `out`."""

    family: str
    preset: str
    out: Path
    trained: bool
    parameters: int
    size_bytes: int
    files: tuple[str, ...]
    is_new: bool


def create(family: str, preset: str, seed: int | None, out: Path) -> Checkpoint:
    """Writes a checkpoint into `out`, all of it or nothing.

    Without a seed it is the trained one that comes with vtb, or a random one of seed 0 where none
    does. An `out` that holds the same one already is left as it is. Raises UsageError for an
    unknown name and ConflictError when anything else is there.
    """
    model = families.load(family)
    if preset not in model.presets:
        raise UsageError(
            f"`{family}` has no preset `{preset}`", hint=did_you_mean(preset, model.presets)
        )
    source = trained_checkpoint(family, preset) if seed is None else None
    root = seed or 0
    origin = {"trained": True} if source else {"seed": root}
    is_new = not _holds(out, {"family": family, "preset": preset, **origin})
    if is_new and source:
        _copy(source, out)
    elif is_new:
        _write(model, preset, root, out)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return Checkpoint(
        family=family,
        preset=preset,
        out=out,
        trained=source is not None,
        parameters=read_json(out / MARKER)["parameters"],
        size_bytes=sum(path.stat().st_size for path in files),
        files=tuple(str(path.relative_to(out)) for path in files),
        is_new=is_new,
    )


def _holds(out: Path, request: Mapping[str, Any]) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    marker = read_json(out / MARKER) if (out / MARKER).is_file() else {}
    made = {key: value for key, value in marker.items() if key not in CONTENT}
    if made != request:
        different = (item for item in made.items() if item not in request.items())
        found = ", ".join(f"{key} = {value}" for key, value in different)
        raise ConflictError(
            f"`{out}` holds something else",
            fact=f"it has {found}" if made else "it is not empty and no checkpoint made by vtb",
            hint="choose another directory with -o",
        )
    return True


def _write(model: ModelFamily, preset: str, seed: int, out: Path) -> None:
    require_train_extra()
    try:
        with atomic_directory(out) as temporary:
            model.write(temporary, preset, seed)
    except RuntimeError as error:  # torch reports a full disk so
        fact = str(error).splitlines()[0]
        raise DiskError("the checkpoint cannot be written", fact=fact) from error


def _copy(source: Path, out: Path) -> None:
    """Copies contents only: an installed package may be read-only, the copy is there to change."""
    with atomic_directory(out) as temporary:
        for path in sorted(source.rglob("*")):
            place = temporary / path.relative_to(source)
            if path.is_dir():
                place.mkdir()
            else:
                shutil.copyfile(path, place)
