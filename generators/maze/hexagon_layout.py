"""Where the cells of a hexagonal maze lie on the canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .cell_layout import Point, Zones, fit, verifiable, wall_px
from .hexagon_board import hexagon_cells
from .style import MIN_WALL_PX

DEFAULT_WALL_PARTS = 6
MIN_CELL, MIN_CLEARANCE = 12, 7
MARKER_SHARE, MIN_MARKER = 0.45, 6
MIN_PATH = 4
REACH_SHARE = 0.8
# Half the distance of two parallel sides, for corners at distance 1.
APOTHEM = math.sqrt(3) / 2


@dataclass(frozen=True, slots=True)
class HexagonLayout:
    """A hexagonal maze in the middle of its canvas.

    Cells have corners at distance `cell` px to the right, and every 60 degrees from there.
    """

    radius: int
    cell: int
    wall: int
    height: int
    width: int

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        return 3 * self.radius * (self.radius + 1) + 1

    def centre(self, cell: int) -> Point:
        """The middle of a cell."""
        q, r = hexagon_cells(self.radius)[cell]
        x, y = 1.5 * q, 2 * APOTHEM * (r + q / 2)
        return self.width / 2 + x * self.cell, self.height / 2 + y * self.cell

    def corners(self, cell: int, distance: float) -> list[Point]:
        """Points at a distance (px) from the middle of a cell towards its six corners."""
        x, y = self.centre(cell)
        angles = [math.radians(60 * k) for k in range(6)]
        return [(x + distance * math.cos(a), y + distance * math.sin(a)) for a in angles]

    def clearance(self, cell: int) -> float:
        """From the middle of a cell to its walls."""
        return APOTHEM * self.cell - self.wall / 2

    def marker_radius(self, cell: int) -> float:
        """The radius of the dot that marks an end."""
        return max(MIN_MARKER, MARKER_SHARE * self.cell)

    def end_reach(self, cell: int) -> float:
        """How far from the middle of a cell a path to it may stop."""
        return REACH_SHARE * self.cell

    def fault(self) -> str | None:
        """Why the verifier could not tell a path on this layout; None when it can."""
        is_wide = self.cell >= MIN_CELL and self.clearance(0) >= MIN_CLEARANCE
        if is_wide and self.wall >= MIN_WALL_PX:
            return None
        return (
            f"hexagons of {self.cell} px with walls of {self.wall} px on {self.height}x{self.width}"
            f" px; the verifier needs {MIN_CELL} px, walls of {MIN_WALL_PX} px, and "
            f"{MIN_CLEARANCE} px from middle to wall"
        )

    def track(self, a: int, b: int) -> Sequence[Point]:
        """The straight line from one cell to another."""
        return [self.centre(a), self.centre(b)]

    def path_px(self, share: float) -> int:
        """The width of a path, at least 4 px."""
        return max(MIN_PATH, int(share * self.cell))

    def zones(self) -> Zones:
        """See `hexagon_zones`."""
        from .hexagon_zones import hexagon_zones

        return hexagon_zones(self)


@lru_cache(maxsize=256)
def hexagon_layout(
    radius: int, cell: int, wall: int | None = None, canvas: tuple[int, int] | None = None
) -> HexagonLayout:
    """The layout of a style; see `fit`. Raises UsageError when cells are too small to verify."""

    def extent(size: int) -> tuple[float, float]:
        walls = 2 * wall_px(size, DEFAULT_WALL_PARTS, wall)
        return (4 * APOTHEM * radius + 2) * size + walls, (3 * radius + 2) * size + walls

    cell, height, width = fit(cell, canvas, extent)
    thickness = wall_px(cell, DEFAULT_WALL_PARTS, wall)
    return verifiable(HexagonLayout(radius, cell, thickness, height, width))
