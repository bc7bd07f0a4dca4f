"""The resumable two-phase builder: plan without pixels, then render in worker processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vtb.core.errors import ConflictError
from vtb.core.files import remove_stale_temporaries
from vtb.core.splits import SPLITS
from vtb.data.capacity import check_capacity
from vtb.data.card import write_card
from vtb.data.plan import Planned, Planner
from vtb.data.preview import write_preview
from vtb.data.request import REQUEST_NAME, Request
from vtb.data.rows import RenderJob, Row, render_rows, require_drawable
from vtb.data.shards import (
    MANIFEST_NAME,
    Shard,
    manifest_hash,
    manifest_text,
    read_column,
    read_manifest,
    shard_name,
    write_manifest,
    write_shard,
)
from vtb.run.executor import map_ordered
from vtb.run.lock import output_lock
from vtb.run.progress import progress
from vtb.run.settings import record_settings

ROWS_PER_JOB = 8
PLAN_STEP = 256


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a dataset holds after a build; `made` counts the samples of this invocation."""

    out: Path
    shards: Sequence[Shard]
    made: int
    unique: int
    capacity: int | None
    seconds: float

    @property
    def count(self) -> int:
        """Samples in the dataset."""
        return sum(shard.rows for shard in self.shards)

    @property
    def splits(self) -> dict[str, int]:
        """Samples by split."""
        return {s: sum(x.rows for x in self.shards if x.split == s) for s in SPLITS}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a build would find, without drawing a pixel."""

    unique: int
    capacity: int | None
    splits: dict[str, int]


def rehearse(request: Request, count: int) -> Rehearsal:
    """Plans `count` samples in memory; raises CapacityError as `build` would."""
    capacity = check_capacity(request, count)
    planner = Planner(request)
    splits = dict.fromkeys(SPLITS, 0)
    with progress("planning", count) as advance:
        for planned in planner.plan(range(count)):
            splits[planned.split] += 1
            advance(1)
    return Rehearsal(planner.unique, capacity, {**splits})


@dataclass(frozen=True, slots=True)
class _Range:
    """Plan indices [first, last], written as one shard per split."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def build(
    request: Request,
    out: Path,
    count: int,
    *,
    shard_size: int = 256,
    workers: int = 1,
    force: bool = False,
) -> BuildResult:
    """Completes the dataset in `out` to `count` samples; finished shards stay as they are.

    Raises CapacityError before anything is drawn or written, ConflictError when `out` was made
    with another request (unless `force`), LockedError when another process writes there.
    """
    start = time.monotonic()
    capacity = check_capacity(request, count)
    _refuse_foreign(out)
    with output_lock(out):
        remove_stale_temporaries(out, out / "data")
        _require_same_request(request, out, force=force)
        manifest = read_manifest(out)
        _remove_unlisted(out, manifest)
        shards = _sound(out, manifest)
        ranges = _ranges(shards, count, shard_size)
        made = 0
        if len(_complete_parts(ranges, shards)) < len(ranges):
            made = _make(request, out, shards, ranges, workers)
        if not _is_finished(out, shards):
            _finish(request, out, shards)
        unique = _unique(request, out, shards)
    return BuildResult(out, shards, made, unique, capacity, time.monotonic() - start)


def _require_same_request(request: Request, out: Path, *, force: bool) -> None:
    if not (out / REQUEST_NAME).exists():
        return
    try:
        record_settings(out / REQUEST_NAME, request.record())
    except ConflictError:
        if not force:
            raise
        # The old samples go before the new request is recorded: never one's rows under the other.
        _clear(out)


def _make(
    request: Request,
    out: Path,
    shards: list[Shard],
    ranges: Sequence[_Range],
    workers: int,
) -> int:
    """Plans and renders what is missing, adding to `shards`; returns how many samples it drew."""
    require_drawable(request)
    todo = _plan(request, out, shards, ranges)
    record_settings(out / REQUEST_NAME, request.record())
    return _render(request, out, shards, todo, workers)


def _ranges(shards: Sequence[Shard], count: int, shard_size: int) -> list[_Range]:
    """All index ranges up to `count` or the last one begun; those begun keep their bounds."""
    begun = sorted({(shard.first, shard.last) for shard in shards})
    stop = max([count, *(last + 1 for _, last in begun)])
    ranges: list[_Range] = []
    first = 0
    for known_first, known_last in [*begun, (stop, stop)]:
        for start in range(first, known_first, shard_size):
            ranges.append(_Range(start, min(start + shard_size, known_first) - 1))
        ranges.append(_Range(known_first, known_last))
        first = known_last + 1
    return ranges[:-1]


def _complete_parts(ranges: Sequence[_Range], shards: Sequence[Shard]) -> dict[_Range, list[Shard]]:
    """The shards of every range that has all its rows."""
    parts: dict[_Range, list[Shard]] = {span: [] for span in ranges}
    for shard in shards:
        parts[_Range(shard.first, shard.last)].append(shard)
    return {
        span: found
        for span, found in parts.items()
        if sum(part.rows for part in found) == len(span)
    }


def _plan(
    request: Request, out: Path, shards: Sequence[Shard], ranges: Sequence[_Range]
) -> list[tuple[_Range, list[Planned]]]:
    """The draws of every unfinished range; finished ones only say what they hold."""
    planner = Planner(request)
    complete = _complete_parts(ranges, shards)
    todo: list[tuple[_Range, list[Planned]]] = []
    with progress("planning", sum(map(len, ranges))) as advance:
        for span in ranges:
            if span in complete:
                for part in complete[span]:
                    planner.recall(read_column(out, part, "fingerprint"))
                advance(len(span))
                continue
            draws = planner.plan(range(span.first, span.last + 1))
            planned: list[Planned] = []
            while step := list(islice(draws, PLAN_STEP)):
                planned += step
                advance(len(step))
            todo.append((span, planned))
    return todo


def _unique(request: Request, out: Path, shards: Sequence[Shard]) -> int:
    """Number of distinct fingerprints; without duplicates every row has its own."""
    if not request.allow_duplicates:
        return sum(shard.rows for shard in shards)
    return len({value for shard in shards for value in read_column(out, shard, "fingerprint")})


def _render(
    request: Request,
    out: Path,
    shards: list[Shard],
    todo: Sequence[tuple[_Range, list[Planned]]],
    workers: int,
) -> int:
    """Renders and writes range after range; returns how many samples were drawn."""
    total = sum(len(planned) for _, planned in todo)
    jobs = [
        RenderJob(request, planned[i : i + ROWS_PER_JOB])
        for _, planned in todo
        for i in range(0, len(planned), ROWS_PER_JOB)
    ]
    drawing = closing(map_ordered(render_rows, jobs, workers=min(workers, len(jobs))))
    with drawing as results, progress("rendering", total) as advance:
        for span, planned in todo:
            rows: list[Row] = []
            while len(rows) < len(planned):
                drawn = next(results)
                rows += drawn
                advance(len(drawn))
            shards += _write_range(out, span, rows, {shard.file for shard in shards})
            write_card(out, request, shards)
    return total


def _write_range(out: Path, span: _Range, rows: Sequence[Row], existing: set[str]) -> list[Shard]:
    written: list[Shard] = []
    for split in SPLITS:
        part = [row for row in rows if row["split"] == split]
        if part and shard_name(split, span.first, span.last) not in existing:
            written.append(write_shard(out, split, span.first, span.last, part))
    return written


def _finish(request: Request, out: Path, shards: list[Shard]) -> None:
    write_manifest(out, shards)
    write_preview(out, shards)
    write_card(out, request, shards)


def _is_finished(out: Path, shards: Sequence[Shard]) -> bool:
    """Whether manifest, card and preview are those of exactly these shards."""
    return (
        (out / "preview.png").exists()
        and manifest_text(shards) == _text(out / MANIFEST_NAME)
        and manifest_hash(shards) in _text(out / "README.md")
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _remove_unlisted(out: Path, shards: Sequence[Shard]) -> None:
    """Removes shards that a kill left without a manifest line; this build may cut elsewhere."""
    listed = {out / shard.file for shard in shards}
    for path in (out / "data").glob("*-*-*.parquet"):
        if path not in listed:
            path.unlink()


def _sound(out: Path, shards: Sequence[Shard]) -> list[Shard]:
    """Shards whose file is there with its recorded size; others are made again."""
    return [s for s in shards if _size(out / s.file) == s.bytes]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _refuse_foreign(out: Path) -> None:
    if not out.is_dir() or (out / REQUEST_NAME).exists():
        return
    # A kill in the first moments leaves our own dot-files only.
    foreign = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
    if foreign:
        raise ConflictError(
            f"`{out}` is not empty and holds no dataset",
            fact=f"found {foreign[0]}",
            hint="choose another directory with -o",
        )


def _clear(out: Path) -> None:
    """Removes a dataset's own files.

    The card goes first, so that no reader is promised half of it, and what is needed to go on
    after a kill last: the manifest after the shards it names, the request after everything.
    """
    (out / "README.md").unlink(missing_ok=True)
    for shard in read_manifest(out):
        (out / shard.file).unlink(missing_ok=True)
    for name in (MANIFEST_NAME, "preview.png", REQUEST_NAME):
        (out / name).unlink(missing_ok=True)
