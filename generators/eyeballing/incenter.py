"""The incentre of a triangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import intersection, line_distance, side_lengths, unit
from .shapes import Shape, circle, polygon
from .triangle import TriangleRule, triangle_by_angles

RULE = TriangleRule(side=0.24, area=0.055, altitude=0.17, angles_deg=(38, 108))
RADII = (0.22, 0.36)
MIN_INRADIUS = 0.12


class Incenter(ClusterTask):
    """Which point is equally far from the triangle's three sides?"""

    name: ClassVar[str] = "eyeballing-incenter"
    task: ClassVar[str] = "incenter"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the centre of a triangle's incircle"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        corners = triangle_by_angles(rng, board.side * rng.uniform(*RADII), RULE.angles_deg[0])
        if not RULE.holds(corners, board.side):
            return None
        # Weighted by the opposite sides; the sides after the first lie opposite to corner 0, 1, 2.
        a, b, c = side_lengths(corners)
        target = (b * corners[0] + c * corners[1] + a * corners[2]) / (a + b + c)
        if line_distance(target, corners[0], corners[1]) < MIN_INRADIUS * board.side:
            return None
        return {"corners": [corner - target for corner in corners]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        a, b, _ = figure["corners"]
        return [circle(target, line_distance(target, a, b))]

    def residual(self, figure: Figure, point: complex) -> float:
        a, b, c = figure["corners"]
        # Two bisectors, each halving the directions to the other corners.
        first, second = unit(b - a) + unit(c - a), unit(a - b) + unit(c - b)
        return abs(point - intersection(a, a + first, b, b + second))
