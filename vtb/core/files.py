"""Atomic writes, links and file hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from vtb.core.errors import DiskError, UnreadableError


@contextmanager
def atomic_path(target: Path) -> Generator[Path]:
    """Yields a temporary dot-file beside `target`, which takes its place when the block succeeds.

    The file and its directory are synced. On any error the temporary file is removed and an
    existing target stays as it was; a full or read-only disk raises DiskError.
    """
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise translate_os_error(error, target) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(target: Path) -> Generator[Path]:
    """Yields a temporary dot-directory beside `target`, renamed to it when the block succeeds.

    `target` must be absent or empty. Files are synced before the rename.
    """
    temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        move_directory(temporary, target)
    except OSError as error:
        raise translate_os_error(error, target) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_directory(source: Path, target: Path) -> None:
    """Renames a directory within a file system, its files synced before; `target` is not there."""
    for path in source.rglob("*"):
        _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    _sync(target.parent)


def atomic_write(target: Path, content: bytes | str) -> None:
    """Writes a whole file at once; see `atomic_path`."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def atomic_write_json(target: Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object with two-space indent and a final newline."""
    atomic_write(target, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def link_missing(source: Path, target: Path) -> None:
    """Gives `target` each file below `source` that it lacks, except hidden ones.

    They are hard links, or copies where there cannot be links; symbolic links are followed.
    """
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        is_hidden = any(name.startswith(".") for name in relative.parts)
        place = target / relative
        if is_hidden or path.is_dir() or place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        link_file(path, place)


def link_file(source: Path, place: Path) -> None:
    """Makes `place` a hard link to a file, or a copy where there cannot be one."""
    try:
        place.hardlink_to(source.resolve())
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, place)


def remove_stale_temporaries(*directories: Path) -> None:
    """Deletes what killed atomic blocks left; call it while holding the output's lock."""
    for directory in directories:
        for leftover in directory.glob(".*.tmp"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def append_line(path: Path, line: str, *, sync: bool = True) -> None:
    """Appends one line and syncs it, first ending a line that a kill had torn.

    What is not synced outlives the process, but may be lost with the power.
    """
    try:
        with path.open("ab+") as file:
            if file.tell() and not _ends_with_newline(file.fileno()):
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        raise translate_os_error(error, path) from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; torn or foreign lines are left out, no file gives []."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = []
    # Not `splitlines`: JSON strings may hold U+2028 and other characters that it breaks at.
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        with suppress(json.JSONDecodeError):
            row: Any = json.loads(line)
            if isinstance(row, dict):
                rows.append(cast("dict[str, Any]", row))
    return rows


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises UnreadableError when it is absent or not one."""
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"`{path}` cannot be read", fact=str(error)) from error
    if not isinstance(value, dict):
        raise UnreadableError(f"`{path}` holds no JSON object", fact=type(value).__name__)
    return cast("dict[str, Any]", value)


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, as hex; raises UnreadableError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(f"`{path}` cannot be read", fact=error.strerror or "") from error


def translate_os_error(error: OSError, path: Path) -> DiskError | UnreadableError:
    """The VtbError for an OS error while working on `path`."""
    fact = f"{path}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskError("the disk is full", fact=fact, hint="free some space, then run it again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT):
        return DiskError("cannot write there", fact=fact, hint="choose another directory with -o")
    return UnreadableError("the file cannot be used", fact=fact)


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
