"""The cells of hexagonal mazes in axial coordinates (q, r), at most `radius` from the middle."""

from __future__ import annotations

import math
from functools import lru_cache

from .board import Board, Step

# The neighbour in direction k lies beyond the side that ends at corner k, corners being numbered
# clockwise from the right.
DIRECTIONS = ((1, -1), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1))


@lru_cache(maxsize=64)
def hexagon_cells(radius: int) -> tuple[tuple[int, int], ...]:
    """The coordinates of each cell id, by ascending q, then r."""
    line = range(-radius, radius + 1)
    return tuple((q, r) for q in line for r in line if abs(q + r) <= radius)


@lru_cache(maxsize=64)
def hexagon_board(radius: int) -> Board:
    """The board of 3 radius (radius + 1) + 1 cells; its border has 6 radius of them."""
    cells = hexagon_cells(radius)
    ids = {cell: number for number, cell in enumerate(cells)}
    steps = {
        (number, ids[q + dq, r + dr]): Step(heading, 1.0)
        for number, (q, r) in enumerate(cells)
        for heading, (dq, dr) in enumerate(DIRECTIONS)
        if (q + dq, r + dr) in ids
    }
    return Board.of(
        steps,
        points=[(q * math.sqrt(3) / 2, r + q / 2) for q, r in cells],
        border=[
            number for number, (q, r) in enumerate(cells) if max(map(abs, (q, r, q + r))) == radius
        ],
        centre=ids[0, 0],
        moved=[
            [ids[_turned(cell, sixths, mirrored)] for cell in cells]
            for mirrored in (False, True)
            for sixths in range(6)
        ],
    )


def _turned(cell: tuple[int, int], sixths: int, mirrored: bool) -> tuple[int, int]:
    q, r = cell[::-1] if mirrored else cell
    for _ in range(sixths):
        q, r = -r, q + r
    return q, r
