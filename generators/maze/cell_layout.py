"""What a layout of a maze with walls between its cells tells about where things lie, in px."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from vtb.core.config import MULTIPLE_PX
from vtb.core.errors import UsageError

from .style import MIN_WALL_PX

Point: TypeAlias = tuple[float, float]
Labels: TypeAlias = NDArray[np.int32]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Which cell and which piece of wall each pixel (H, W) is nearest to, whatever is open.

    `cells` divides the board among its cells, from 0; what is outside has their number.
    `pieces` holds where walls are or may be: first, by the number of their edge, those that a
    passage takes away, then those that always stand; `num_pieces` elsewhere.
    """

    cells: Labels
    pieces: Labels
    num_cells: int
    num_edges: int
    num_pieces: int


class CellLayout(Protocol):
    """Where cells, walls and paths lie on a canvas of `width` x `height` px."""

    @property
    def width(self) -> int:
        """Width of the canvas."""
        ...

    @property
    def height(self) -> int:
        """Height of the canvas."""
        ...

    @property
    def cell(self) -> int:
        """The size of a cell as its style has it."""
        ...

    @property
    def wall(self) -> int:
        """How thick walls are."""
        ...

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        ...

    def centre(self, cell: int) -> Point:
        """The middle of a cell."""
        ...

    def clearance(self, cell: int) -> float:
        """From the middle of a cell to the nearest place for a wall."""
        ...

    def marker_radius(self, cell: int) -> float:
        """The radius of the dot that marks an end in a cell."""
        ...

    def fault(self) -> str | None:
        """Why the verifier could not tell a path here; None when it can."""
        ...

    def end_reach(self, cell: int) -> float:
        """How far from the middle of a cell a path to it may stop."""
        ...

    def track(self, a: int, b: int) -> Sequence[Point]:
        """The middle line from one cell to another, along the corridor if they are neighbours."""
        ...

    def path_px(self, share: float) -> int:
        """The width of a path that has this share of a cell's size."""
        ...

    def zones(self) -> Zones:
        """The cells and walls as maps."""
        ...


LayoutT = TypeVar("LayoutT", bound=CellLayout)


def wall_px(cell: int, parts: int, wanted: int | None) -> int:
    """The thickness of walls: as wanted, or one of so many parts of a cell, at least 6 px."""
    return wanted or max(MIN_WALL_PX, cell // parts)


def fit(
    cell: int, canvas: tuple[int, int] | None, extent: Callable[[int], tuple[float, float]]
) -> tuple[int, int, int]:
    """Cell size, height and width of the picture.

    `extent` tells height and width of the maze for a size of its cells. With a `canvas` (height,
    width) the largest size that fits it replaces `cell`, without one the picture is the smallest
    with sides that are multiples of 32 px. Raises UsageError when no cell fits.
    """
    if canvas is None:
        height, width = (math.ceil(side / MULTIPLE_PX) * MULTIPLE_PX for side in extent(cell))
        return cell, height, width
    height, width = canvas

    def fits(size: int) -> bool:
        high, wide = extent(size)
        return high <= height and wide <= width

    largest = max(filter(fits, range(1, min(canvas))), default=0)
    if largest == 0:
        raise _too_small(f"no cell fits on {height}x{width} px")
    return largest, height, width


def verifiable(layout: LayoutT) -> LayoutT:
    """The layout; raises UsageError when the verifier could not tell a path on it."""
    fault = layout.fault()
    if fault is not None:
        raise _too_small(fault)
    return layout


def _too_small(fact: str) -> UsageError:
    hint = "a larger --canvas, larger cells, thinner walls, or a smaller maze"
    return UsageError("the maze is too small to be verified", fact=fact, hint=hint)


def polyline(layout: CellLayout, path: Sequence[int]) -> list[Point]:
    """The middle line of a path of neighbouring cells."""
    points = [layout.centre(path[0])]
    for a, b in pairwise(path):
        points += layout.track(a, b)[1:]
    return points
