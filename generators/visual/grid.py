"""The 3x3 grid: where its cells lie, its turned and mirrored images, its kinds of cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from .figures import Point

NUM_CELLS = 9
CENTRE = 4
CORNERS = (0, 2, 6, 8)
EDGES = (1, 3, 5, 7)
# Every cell but the one that has no like.
NOT_CENTRE = (0, 1, 2, 3, 5, 6, 7, 8)
PITCH = 0.29


def cell_centre(cell: int) -> Point:
    """The middle of a cell; cells are numbered row by row."""
    row, column = divmod(cell, 3)
    return (column - 1) * PITCH, (row - 1) * PITCH


def by_kind(corner: str, edge: str, centre: str) -> list[str]:
    """The values of all cells, where corners are alike and edges are alike."""
    values = [edge] * NUM_CELLS
    for cell in CORNERS:
        values[cell] = corner
    values[CENTRE] = centre
    return values


def looks_the_same_from_all_sides(values: Sequence[str]) -> bool:
    """Whether no quarter turn and no mirror changes the grid."""
    return all(moved(values, image) == list(values) for image in grid_images())


def moved(values: Sequence[str], image: Sequence[int]) -> list[str]:
    """The values of the cells of an image: cell i of it shows cell `image[i]`."""
    return [values[cell] for cell in image]


@cache
def grid_images() -> tuple[tuple[int, ...], ...]:
    """The eight turned and mirrored images of the grid, the grid itself first."""
    cells = np.arange(NUM_CELLS).reshape(3, 3)
    turned = [np.rot90(side, turns) for side in (cells, cells.T) for turns in range(4)]
    return tuple(tuple(int(cell) for cell in image.ravel()) for image in turned)
