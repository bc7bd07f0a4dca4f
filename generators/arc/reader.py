"""The user's folder of tasks in ARC's public JSON format, read and checked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.types import Json

from .identity import identity

MAX_SIDE = 30
NUM_COLOURS = 10
WANTED = "a task is {train: [pairs], test: [pairs]}, a pair {input, output}"

# A puzzle: `task_id`, `test_index`, `train` [{input, output}], `test_input`, `test_output`; grids
# are lists of rows of colour numbers.
Puzzle = Mapping[str, Json]


def read_puzzles(folder: str, test_index: int | None) -> Sequence[Puzzle]:
    """The distinct puzzles of a folder's `*.json`, one for each test pair, in order of file names.

    With `test_index` only that test pair of each task. Files are read again when their names,
    sizes or times change. Raises UsageError when there are none, UnreadableError for a file that
    is no task.
    """
    if not folder or not Path(folder).is_dir():
        raise UsageError(
            "the folder of ARC tasks does not exist",
            fact=folder or "no folder given",
            hint="--input DIR, a folder of task files (*.json), for example ARC-AGI-2's data",
        )
    try:
        stamps = tuple(sorted(_stamps(folder)))
    except OSError as error:
        raise UnreadableError(
            f"`{error.filename}` is not readable", fact=error.strerror or "", hint="--input DIR"
        ) from error
    if not stamps:
        raise UsageError("no *.json in the folder of ARC tasks", fact=folder, hint="--input DIR")
    puzzles = _read(stamps, test_index)
    if not puzzles:
        raise UsageError(
            f"no task has a test pair {test_index}", fact=folder, hint="--test-index 0"
        )
    return puzzles


class _Stamp(NamedTuple):
    path: str
    size: int
    mtime_ns: int


def _stamps(folder: str) -> Iterator[_Stamp]:
    # Done for every draw; `Path.rglob` takes more than twice as long.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps(entry.path)
            elif entry.name.endswith(".json"):
                facts = entry.stat()
                yield _Stamp(entry.path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(stamps: tuple[_Stamp, ...], test_index: int | None) -> Sequence[Puzzle]:
    distinct: dict[bytes, Puzzle] = {}
    for stamp in stamps:
        for puzzle in _puzzles(Path(stamp.path)):
            if test_index in (None, puzzle["test_index"]):
                distinct.setdefault(identity(puzzle), puzzle)
    return list(distinct.values())


def _puzzles(path: Path) -> Iterator[Puzzle]:
    try:
        task = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableError(f"`{path}` is not JSON", fact=reason, hint=WANTED) from error
    train, test = _pairs(task, "train", path), _pairs(task, "test", path)
    for index, pair in enumerate(test):
        yield {
            "task_id": path.stem,
            "test_index": index,
            "train": train,
            "test_input": pair["input"],
            "test_output": pair["output"],
        }


def _pairs(task: Any, part: str, path: Path) -> list[dict[str, Json]]:
    found: Any = cast(dict[str, Any], task).get(part) if isinstance(task, dict) else None
    if not isinstance(found, list) or not found:
        raise _not_a_task(path, f"`{part}` is missing or empty")
    pairs: list[dict[str, Json]] = []
    for number, pair in enumerate(cast(list[Any], found)):
        sides: dict[str, Any] = cast(dict[str, Any], pair) if isinstance(pair, dict) else {}
        for side in ("input", "output"):
            fault = grid_fault(sides.get(side))
            if fault:
                raise _not_a_task(path, f"`{part}` {number}, {side}: {fault}")
        pairs.append({"input": sides["input"], "output": sides["output"]})
    return pairs


def grid_fault(grid: Any) -> str | None:
    """Why a value is no grid; None when it is one."""
    if not isinstance(grid, list) or not grid:
        return "missing or empty"
    rows = cast(list[Any], grid)
    if not all(isinstance(row, list) and row for row in rows):
        return "its rows are no lists of numbers"
    if len({len(row) for row in rows}) > 1:
        return "rows of different lengths"
    if max(len(rows), len(rows[0])) > MAX_SIDE:
        return f"{len(rows)}x{len(rows[0])} cells, at most {MAX_SIDE}x{MAX_SIDE}"
    for row in rows:
        for value in row:
            if type(value) is not int or not 0 <= value < NUM_COLOURS:
                return f"{json.dumps(value)[:40]} is no colour from 0 to {NUM_COLOURS - 1}"
    return None


def _not_a_task(path: Path, fault: str) -> UnreadableError:
    return UnreadableError(f"`{path}` is no ARC task", fact=fault, hint=WANTED)
