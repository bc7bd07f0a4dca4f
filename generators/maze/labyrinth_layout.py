"""Where the cells of a labyrinth lie on the canvas.

Angles run counter-clockwise as seen, from the right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .cell_layout import Point, Zones, fit, verifiable, wall_px
from .style import MIN_WALL_PX

DEFAULT_WALL_PARTS = 4
MIN_INNER = 12
# In corridors of 4 or 5 px a path of 3 px looks like a flood after half size.
MIN_CORRIDOR = 6
# Openings to the centre are nearest to each other at their inner ends.
MAX_OVERLAP = 1
MIN_MARKER, MARKER_MARGIN_WALLS = 4, 0.9
MIN_PATH, MIN_PATH_MARGIN = 3, 2
OPENING_WALLS = 1.5
REACH_SHARE = 0.6
MIN_ARC_PIECES, MAX_ARC_STEP = 8, math.radians(2)


@dataclass(frozen=True, slots=True)
class LabyrinthLayout:
    """A labyrinth in the middle of its canvas.

    Rings are `cell` px wide, the outermost `wall` px of each is wall, and so is the gap of `wall`
    px between two rings.
    """

    rings: int
    segments: int
    cell: int
    wall: int
    height: int
    width: int

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        return self.rings * self.segments + 1

    @property
    def corridor(self) -> int:
        """The width of a ring without its wall."""
        return self.cell - self.wall

    @property
    def opening_px(self) -> int:
        """The width of an opening between two rings."""
        return int(OPENING_WALLS * self.wall)

    @property
    def middle(self) -> Point:
        """The middle of the labyrinth."""
        return self.width / 2, self.height / 2

    def inner_radius(self, ring: int) -> int:
        """Where a ring begins; ring 0 is the centre, which has no hole."""
        return inner_radius(self.cell, self.wall, ring)

    def place(self, cell: int) -> tuple[int, int]:
        """Ring and segment of a cell."""
        ring, segment = divmod(cell - 1, self.segments)
        return ring + 1, segment if cell else 0

    def angle(self, segment: float) -> float:
        """The angle in radians at which a segment begins; its middle is at `segment + 0.5`."""
        return math.tau * segment / self.segments

    def at(self, radius: float, angle: float) -> Point:
        """The point at a distance from the middle, at an angle in radians."""
        x, y = self.middle
        return x + radius * math.cos(angle), y - radius * math.sin(angle)

    def centre(self, cell: int) -> Point:
        """The middle of a cell."""
        ring, segment = self.place(cell)
        return self.at(self._radius(ring), self.angle(segment + 0.5))

    def clearance(self, cell: int) -> float:
        """From the middle of a cell to the nearest place for a wall, at most to its ring's."""
        return min(self.corridor / 2, self._half_chord(cell) - self.wall / 2)

    def marker_radius(self, cell: int) -> float:
        """The radius of the dot that marks an end, at least 4 px."""
        half = min(self.cell / 2, self._half_chord(cell))
        return max(MIN_MARKER, half - MARKER_MARGIN_WALLS * self.wall - 1)

    def end_reach(self, cell: int) -> float:
        """How far from the middle of a cell a path to it may stop: before the next segment."""
        return min(REACH_SHARE * self.cell, self._half_chord(cell) - self.wall / 2)

    def fault(self) -> str | None:
        """Why the verifier could not tell a path on this layout; None when it can."""
        inside = self.inner_radius(1) - 2 * self.wall
        between = 2 * inside * math.sin(math.pi / self.segments) - self.opening_px
        is_wide = 2 * self.clearance(1) >= MIN_CORRIDOR and between >= -MAX_OVERLAP
        if is_wide and self.wall >= MIN_WALL_PX:
            return None
        return (
            f"{self.segments} segments, rings of {self.cell} px and walls of {self.wall} px on "
            f"{self.height}x{self.width} px; the verifier needs walls of {MIN_WALL_PX} px, "
            f"{MIN_CORRIDOR} px between them, and openings around the centre that keep apart"
        )

    def track(self, a: int, b: int) -> Sequence[Point]:
        """Along the ring to the next segment, else straight."""
        (ring, first), (other, last) = self.place(a), self.place(b)
        sweep = (last - first + 1) % self.segments - 1
        if not (ring == other and abs(sweep) == 1):
            return [self.centre(a), self.centre(b)]
        pieces = max(MIN_ARC_PIECES, math.ceil(self.angle(1) / MAX_ARC_STEP))
        radius, start, step = (
            self._radius(ring),
            self.angle(first + 0.5),
            self.angle(sweep / pieces),
        )
        return [self.at(radius, start + step * i) for i in range(pieces + 1)]

    def path_px(self, share: float) -> int:
        """The width of a path, at least 3 px; it leaves 2 px on both sides of it in openings."""
        return max(MIN_PATH, min(int(share * self.cell), self.opening_px - 2 * MIN_PATH_MARGIN))

    def zones(self) -> Zones:
        """See `labyrinth_zones`."""
        from .labyrinth_zones import labyrinth_zones

        return labyrinth_zones(self)

    def _radius(self, ring: int) -> float:
        """Of the circle in the middle of a ring's corridor."""
        return self.inner_radius(ring) + self.corridor / 2 if ring else 0.0

    def _half_chord(self, cell: int) -> float:
        """From the middle of a cell to the boundary of its segment."""
        ring, _ = self.place(cell)
        return self._radius(ring) * math.sin(math.pi / self.segments) if ring else math.inf


def inner_radius(cell: int, wall: int, ring: int) -> int:
    """Where a ring begins, in px from the middle, for rings and walls of these widths."""
    return max(MIN_INNER, 2 * wall, cell // 2) + ring * (cell + wall)


@lru_cache(maxsize=256)
def labyrinth_layout(
    rings: int,
    segments: int,
    cell: int,
    wall: int | None = None,
    canvas: tuple[int, int] | None = None,
) -> LabyrinthLayout:
    """The layout of a style; see `fit`. Raises UsageError when cells are too small to verify."""

    def extent(size: int) -> tuple[float, float]:
        thickness = wall_px(size, DEFAULT_WALL_PARTS, wall)
        side = 2 * (inner_radius(size, thickness, rings) + size)
        return side, side

    cell, height, width = fit(cell, canvas, extent)
    thickness = wall_px(cell, DEFAULT_WALL_PARTS, wall)
    return verifiable(LabyrinthLayout(rings, segments, cell, thickness, height, width))
