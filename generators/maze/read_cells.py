"""VideoThinkBench's records of hexagonal mazes and labyrinths as puzzles of ours.

They do not hold the passages, so these are looked up in the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array, Content, Json

from .board import Board
from .cell_content import cell_content
from .cell_layout import CellLayout, Point, Zones

# Of 255: what is darker is a wall, what is brighter a passage.
MAX_WALL_LUMA, MIN_PASSAGE_LUMA = 80, 160
# Ends whose colours differ by more are told apart by them.
MIN_COLOUR_DIFFERENCE = 60
PATCH_PX = 1


def read_maze(
    fields: Mapping[str, Json],
    puzzle: Array,
    board: Board,
    size: Mapping[str, int],
    layout: CellLayout,
    ends: Sequence[int],
) -> tuple[Content, Mapping[str, Json]]:
    """The maze of a record whose picture, RGB uint8 (H, W, 3), has this layout.

    `ends` are the cells that it names as start and goal. `Content.data` has a `layout` besides,
    because other drawings need not follow our rule. Raises ValueError when the picture does not
    show what is open, or the stored path is illegal.
    """
    fault = layout.fault()
    if fault is not None:
        raise ValueError(fault)
    path = [int(cell) for cell in fields["solution_path_cell_ids"]]
    edges = [board.edges[number] for number in np.flatnonzero(_open_edges(layout.zones(), puzzle))]
    is_open = {*edges, *((b, a) for a, b in edges)}
    steps = list(pairwise(path))
    if [path[0], path[-1]] != list(ends) or len(set(path)) < len(path) or not is_open >= {*steps}:
        raise ValueError(f"{path} is no path from {ends[0]} to {ends[1]}")
    content = cell_content(board, size, edges, path, 0.0)
    # How many dead ends a maze had before loops were made cannot be seen.
    difficulty = {key: value for key, value in content.difficulty.items() if key != "braid"}
    drawn = {key: getattr(layout, key) for key in ("cell", "wall", "height", "width")}
    style = {"endpoints": _endpoints(puzzle, [layout.centre(end) for end in ends])}
    return Content({**content.data, "layout": drawn}, path, difficulty), style


def _open_edges(zones: Zones, puzzle: Array) -> NDArray[np.bool_]:
    """Whether the middle of each edge's piece of wall is bright, (E,)."""
    pieces = zones.pieces.ravel()
    sizes = np.bincount(pieces, minlength=zones.num_pieces + 1)[:-1]
    if not sizes.all():
        raise ValueError("the maze is larger than its picture")
    down, right = (np.bincount(pieces, at.ravel())[:-1] for at in np.indices(puzzle.shape[:2]))
    middles = np.stack([right, down], axis=1)[: zones.num_edges] / sizes[: zones.num_edges, None]
    lumas = np.array([_patch(puzzle, (x + 0.5, y + 0.5)).mean() for x, y in middles])
    always = (np.bincount(pieces, puzzle.mean(axis=2).ravel())[:-1] / sizes)[zones.num_edges :]
    unclear = (lumas > MAX_WALL_LUMA) & (lumas < MIN_PASSAGE_LUMA)
    if unclear.any() or (always > (MAX_WALL_LUMA + MIN_PASSAGE_LUMA) / 2).any():
        raise ValueError("the picture does not show walls where they should be")
    return lumas >= MIN_PASSAGE_LUMA


def _endpoints(puzzle: Array, points: Iterable[Point]) -> str:
    start, goal = (_patch(puzzle, point).mean(axis=(0, 1)) for point in points)
    return "two-colour" if np.abs(start - goal).max() > MIN_COLOUR_DIFFERENCE else "same"


def _patch(puzzle: Array, point: Point) -> Array:
    """The pixels around a point."""
    x, y = int(point[0]), int(point[1])
    return puzzle[y - PATCH_PX : y + PATCH_PX + 1, x - PATCH_PX : x + PATCH_PX + 1]
