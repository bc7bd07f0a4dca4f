"""`vtb cache`: what the cache holds, and what in it nobody needs; imports no torch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vtb.core.errors import UnreadableError
from vtb.core.files import translate_os_error
from vtb.train.latents.keys import FORMAT_VERSION
from vtb.train.latents.store import Store, read_metadata, stores

Reason = Literal["leftover", "unreadable", "outdated", "unused"]
REASONS: tuple[Reason, ...] = ("leftover", "unreadable", "outdated", "unused")
SECONDS_PER_DAY = 86_400
# A writer that is still at work finishes its file of a few MB long before.
LEFTOVER_AGE_S = 3_600


@dataclass(frozen=True, slots=True)
class Usage:
    """One store: its files, their size, and when the last of them was used (seconds since 1970)."""

    family: str
    directory: Path
    latents: int
    texts: int
    size_bytes: int
    last_used: float | None


@dataclass(frozen=True, slots=True)
class Collected:
    """How many files were of no use, by reason, and how many are left."""

    removed: Mapping[Reason, int]
    removed_bytes: int
    kept: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size_bytes: int
    last_used: float


def usages(root: Path) -> list[Usage]:
    """Every store under a cache root."""
    return [_usage(store) for store in stores(root)]


def collect(root: Path, *, unused_days: float, dry_run: bool = False) -> Collected:
    """Removes what is of no use from the cache under a root; with `dry_run` it only counts.

    That is: temporary files of killed writers, files that cannot be read, files of another
    format version, and those that no run has used for `unused_days`.
    """
    now = time.time()
    removed = dict.fromkeys(REASONS, 0)
    removed_bytes = kept = kept_bytes = 0
    for store in stores(root):
        kept_before, removed_before = kept, removed_bytes
        for file in _files([*store.leftovers(), *store.files("text"), *store.files("latents")]):
            reason = _reason(file, now, unused_days)
            if reason is None:
                kept, kept_bytes = kept + 1, kept_bytes + file.size_bytes
                continue
            removed[reason] += 1
            removed_bytes += file.size_bytes
            if not dry_run:
                _remove(file.path)
        # A store that was empty before may be one that a run is about to fill.
        if kept == kept_before and removed_bytes > removed_before and not dry_run:
            shutil.rmtree(store.directory, ignore_errors=True)
    return Collected(removed, removed_bytes, kept, kept_bytes)


def _usage(store: Store) -> Usage:
    latents, texts = (list(_files(store.files(kind))) for kind in ("latents", "text"))
    files = [*latents, *texts]
    return Usage(
        family=store.family,
        directory=store.directory,
        latents=len(latents),
        texts=len(texts),
        size_bytes=sum(file.size_bytes for file in files),
        last_used=max((file.last_used for file in files), default=None),
    )


def _files(paths: Iterable[Path]) -> Iterator[_File]:
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:  # a temporary file that has meanwhile got its final name
            continue
        yield _File(path, stat.st_size, stat.st_mtime)


def _reason(file: _File, now: float, unused_days: float) -> Reason | None:
    idle_s = now - file.last_used
    if file.path.suffix == ".tmp":
        return "leftover" if idle_s >= LEFTOVER_AGE_S else None
    try:
        metadata = read_metadata(file.path)
    except UnreadableError:
        return "unreadable"
    if metadata.get("format_version") != str(FORMAT_VERSION):
        return "outdated"
    return "unused" if idle_s >= unused_days * SECONDS_PER_DAY else None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise translate_os_error(error, path) from error
