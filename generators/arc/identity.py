"""When two puzzles are the same, and when two tasks are but for turns, mirrors and colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vtb.core.types import Array, Json

Grid = Sequence[Sequence[int]]

# Colours are written as the bytes of these digits and sizes (1 to 30) as other bytes, so that
# colours can be renamed in the written form.
DIGITS = b"0123456789"
BLACK = DIGITS[0]


class Pair(NamedTuple):
    """An input and its output."""

    input: Grid
    output: Grid


def identity(data: Mapping[str, Json]) -> bytes:
    """All grids of a puzzle, in order."""
    train = [grid for pair in data["train"] for grid in (pair["input"], pair["output"])]
    grids = [*train, data["test_input"], data["test_output"]]
    return b"puzzle" + _written(np.asarray(grid, np.uint8) for grid in grids)


def rule_identities(data: Mapping[str, Json]) -> Iterator[bytes]:
    """The demonstrations under the eight symmetries of the square.

    Colours but black are renamed by first occurrence, and pairs ordered by what they are without
    their colours. Test grids are left out: training on one test pair of a task would give away
    the rule of its others. All sort before any `identity`, so that the least of them, by which a
    puzzle's split is chosen, is the task's.
    """
    pairs = [
        (np.asarray(pair["input"], np.uint8), np.asarray(pair["output"], np.uint8))
        for pair in data["train"]
    ]
    for mirrored in (False, True):
        for turns in range(4):
            written = [_written(_moved(grid, turns, mirrored) for grid in pair) for pair in pairs]
            yield b"arc" + _renamed(b"".join(sorted(written, key=_renamed)))


def _moved(grid: Array, quarter_turns: int, mirrored: bool) -> Array:
    return np.rot90(grid[:, ::-1] if mirrored else grid, quarter_turns)


def _written(grids: Iterable[Array]) -> bytes:
    return b"".join(bytes(grid.shape) + (grid + np.uint8(BLACK)).tobytes() for grid in grids)


def _renamed(written: bytes) -> bytes:
    """The same with colours numbered as they first occur, black always 0."""
    others = [digit for digit in DIGITS[1:] if digit in written]
    others.sort(key=lambda digit: written.find(digit))
    return written.translate(bytes.maketrans(bytes(others), DIGITS[1 : len(others) + 1]))
