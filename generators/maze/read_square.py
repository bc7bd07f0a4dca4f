"""VideoThinkBench's record of a square maze as a puzzle of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Content, Json

from .carve import Edge, edges_of, opened_graph
from .difficulty import square_difficulty
from .grid import OPEN, WALL, SquareGrid, square_grid
from .layout import SquareLayout

# The smallest block that the verifier was tried on.
MIN_CELL_PX = 6
# Of 255: ends whose colours differ by more are told apart by them.
MIN_COLOUR_DIFFERENCE = 60


def read_square(fields: Mapping[str, Json], puzzle: Array) -> tuple[Content, Mapping[str, Json]]:
    """The maze that a record describes; its picture tells whether the ends differ in colour.

    `Content.data` has a `layout` besides, because other drawings need not follow our rule. Raises
    UnreadableError when something is missing, when the blocks are no rooms between walls, when the
    stored path is illegal, or when the picture has another size.
    """
    try:
        grid, text, edges = _grid(fields)
        layout = _layout(fields, grid, puzzle)
        path = [int(block) for block in fields["solution_path_cell_ids"]]
        rooms = _rooms(fields, grid, edges, path)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        fact = f"{type(error).__name__}: {error}"
        raise UnreadableError("the record holds no square maze", fact=fact) from error
    opened = opened_graph(len(grid.blocks), edges)
    difficulty = square_difficulty(grid, opened, rooms, 0.0)
    # How many dead ends a maze had before loops were made cannot be seen.
    del difficulty["braid"]
    data = {
        "rows": grid.rows,
        "cols": grid.cols,
        "grid": text,
        "start": path[0],
        "goal": path[-1],
        "layout": {
            "cell": layout.cell,
            "left": layout.left,
            "top": layout.top,
            "width": layout.width,
            "height": layout.height,
        },
    }
    return Content(data, path, difficulty), {"endpoints": _endpoints(layout, path, puzzle)}


def _grid(fields: Mapping[str, Any]) -> tuple[SquareGrid, list[str], list[Edge]]:
    """The grid of rooms, the blocks as text, and the open edges between rooms."""
    rows, cols = map(int, fields["grid_size"])
    text = ["".join((OPEN, WALL)[wall] for wall in line) for line in fields["maze_grid"]]
    if rows % 2 == 0 or cols % 2 == 0 or [len(line) for line in text] != [cols] * rows:
        raise ValueError(f"the blocks are not {rows}x{cols}, or a side is even")
    grid = square_grid(rows, cols)
    whole = "".join(text)
    edges = [
        (a, b)
        for a, b in edges_of(grid.neighbours)
        if whole[(grid.blocks[a] + grid.blocks[b]) // 2] == OPEN
    ]
    if grid.text(edges) != text:
        raise ValueError("the blocks are not rooms between walls")
    return grid, text, edges


def _rooms(
    fields: Mapping[str, Any], grid: SquareGrid, edges: Sequence[Edge], path: Sequence[int]
) -> list[int]:
    """The rooms on the stored path, once it was found to be legal."""
    start, goal = (
        int(row) * grid.cols + int(col) for row, col in (fields["start"], fields["goal"])
    )
    room_of = {block: room for room, block in enumerate(grid.blocks)}
    rooms = [room_of[block] for block in path[::2]]
    is_open = {*edges, *((b, a) for a, b in edges)}
    if (
        [path[0], path[-1]] != [start, goal]
        or grid.block_path(rooms) != list(path)
        or len(set(rooms)) < len(rooms)
        or not is_open.issuperset(pairwise(rooms))
    ):
        raise ValueError(f"{list(path)} is no path from {start} to {goal}")
    return rooms


def _layout(fields: Mapping[str, Any], grid: SquareGrid, puzzle: Array) -> SquareLayout:
    height, width = puzzle.shape[:2]
    cell = int(fields["cell_size"])
    left, top, right, bottom = map(int, fields["padding"])
    sides = left + grid.cols * cell + right, top + grid.rows * cell + bottom
    if cell < MIN_CELL_PX or min(left, top, right, bottom) < 0 or sides != (width, height):
        raise ValueError(f"blocks of {cell} px make {sides}, the picture is {(width, height)}")
    return SquareLayout(grid.rows, grid.cols, cell, left, top, width, height)


def _endpoints(layout: SquareLayout, path: Sequence[int], puzzle: Array) -> str:
    corners = [layout.corner(block) for block in (path[0], path[-1])]
    half = layout.cell // 2
    start, goal = (puzzle[y + half, x + half].astype(np.int16) for x, y in corners)
    return "two-colour" if np.abs(start - goal).max() > MIN_COLOUR_DIFFERENCE else "same"
