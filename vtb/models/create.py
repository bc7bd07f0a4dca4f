"""Makes random checkpoints: `vtb models init`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vtb.core.errors import ConflictError, DiskError, UsageError, did_you_mean
from vtb.core.files import atomic_directory, read_json
from vtb.models import families
from vtb.models.families import MARKER
from vtb.run.extras import require_train_extra


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A random checkpoint on disk; `size_bytes` is that of all files, named relative to `out`."""

    family: str
    preset: str
    out: Path
    parameters: int
    size_bytes: int
    files: tuple[str, ...]
    is_new: bool


def create(family: str, preset: str, seed: int, out: Path) -> Checkpoint:
    """Writes a random checkpoint into `out`, all of it or nothing.

    An `out` that holds the same one already is left as it is. Raises UsageError for an unknown
    name and ConflictError when anything else is there.
    """
    model = families.load(family)
    if preset not in model.presets:
        raise UsageError(
            f"`{family}` has no preset `{preset}`", hint=did_you_mean(preset, model.presets)
        )
    request = {"family": family, "preset": preset, "seed": seed}
    is_new = not _holds(out, request)
    if is_new:
        require_train_extra()
        try:
            with atomic_directory(out) as temporary:
                model.write(temporary, preset, seed)
        except RuntimeError as error:  # torch reports a full disk so
            fact = str(error).splitlines()[0]
            raise DiskError("the checkpoint cannot be written", fact=fact) from error
    parameters = read_json(out / MARKER)["parameters"]
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return Checkpoint(
        family=family,
        preset=preset,
        out=out,
        parameters=parameters,
        size_bytes=sum(path.stat().st_size for path in files),
        files=tuple(str(path.relative_to(out)) for path in files),
        is_new=is_new,
    )


def _holds(out: Path, request: Mapping[str, str | int]) -> bool:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    marker = read_json(out / MARKER) if (out / MARKER).is_file() else {}
    different = {key: marker.get(key) for key, value in request.items() if marker.get(key) != value}
    if not marker or different:
        found = ", ".join(f"{key} = {value}" for key, value in different.items())
        raise ConflictError(
            f"`{out}` holds something else",
            fact=f"it has {found}" if marker else "it is not empty and no checkpoint made by vtb",
            hint="choose another directory with -o",
        )
    return True
