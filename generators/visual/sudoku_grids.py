"""All 4x4 Sudoku grids, what clues leave of them, and which puzzles are the same in disguise.

A grid or board is bytes of 16 cells in reading order, 0 for an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

SIDE, BLOCK = 4, 2
CELLS = SIDE * SIDE
DIGITS = (1, 2, 3, 4)
RELABELLINGS = 24


@cache
def grids() -> Sequence[bytes]:
    """The 288 complete grids, in ascending order."""
    rows = list(permutations(DIGITS))
    found: list[bytes] = []
    for top in product(rows, repeat=BLOCK):
        if _fits(top):
            halves = [*top]
            found += [
                bytes(sum((*halves, *bottom), ()))
                for bottom in product(rows, repeat=BLOCK)
                if _fits(bottom) and _is_latin((*halves, *bottom))
            ]
    return found


def completions(board: Sequence[int]) -> list[bytes]:
    """Every grid that agrees with the clues of a board."""
    cells = np.asarray(board, np.uint8)
    agrees = ((_table() == cells) | (cells == 0)).all(axis=1)
    return [grid for grid, fits in zip(grids(), agrees, strict=True) if fits]


@cache
def count_puzzles(num_clues: int) -> int:
    """The number of boards with that many clues and exactly one completion.

    Clues fail to single out a grid when another one has the same digits there. For one grid of
    each relabelling, the sets of cells (bits) on which another agrees are marked, then all their
    subsets; what stays unmarked is unique.
    """
    bits = 1 << np.arange(CELLS)
    sizes = np.array([mask.bit_count() for mask in range(1 << CELLS)])
    first_row = bytes(DIGITS)
    total = 0
    for grid in (grid for grid in grids() if grid.startswith(first_row)):
        agreed = ((_table() == np.frombuffer(grid, np.uint8)) * bits).sum(axis=1)
        shared = np.zeros(1 << CELLS, np.bool_)
        shared[agreed[agreed != (1 << CELLS) - 1]] = True
        for bit in range(CELLS):  # a set is shared when it or it with one more cell is
            pairs = shared.reshape(-1, 2, 1 << bit)
            pairs[:, 0] |= pairs[:, 1]
        total += int((~shared & (sizes == num_clues)).sum())
    return total * RELABELLINGS


def disguises(board: bytes) -> Iterator[bytes]:
    """The board in each of the 128 symmetric positions, digits named in order of appearance.

    Of all boards that turning, mirroring, exchanging lines or blocks of lines, and relabelling
    make of one another, the smallest is among them, whichever of them is given.
    """
    for order in _positions():
        moved = bytes(board[cell] for cell in order)
        names = dict(zip(dict.fromkeys(moved.replace(b"\0", b"")), DIGITS, strict=False))
        yield bytes(names.get(cell, 0) for cell in moved)


@cache
def _positions() -> Sequence[tuple[int, ...]]:
    lines = [
        tuple(
            BLOCK * block + line for block, pair in zip(blocks, pairs, strict=True) for line in pair
        )
        for blocks in permutations(range(BLOCK))
        for pairs in product(permutations(range(BLOCK)), repeat=BLOCK)
    ]
    straight = [
        tuple(SIDE * row + column for row in rows for column in columns)
        for rows, columns in product(lines, repeat=2)
    ]
    across = [tuple(SIDE * (cell % SIDE) + cell // SIDE for cell in order) for order in straight]
    return straight + across


@cache
def _table() -> NDArray[np.uint8]:
    """The grids as uint8 (288, 16)."""
    return np.frombuffer(b"".join(grids()), np.uint8).reshape(-1, CELLS)


def _fits(band: Sequence[Sequence[int]]) -> bool:
    """Whether two neighbouring rows fill their blocks without a digit twice."""
    upper, lower = band
    return set(upper[:BLOCK]).isdisjoint(lower[:BLOCK]) and set(upper[BLOCK:]).isdisjoint(
        lower[BLOCK:]
    )


def _is_latin(rows: Sequence[Sequence[int]]) -> bool:
    return all(len(set(column)) == SIDE for column in zip(*rows, strict=True))
