"""The centroid of a triangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import intersection
from .shapes import Line, Shape, polygon
from .triangle import TriangleRule, triangle_by_angles

RULE = TriangleRule(side=0.24, area=0.055, altitude=0.17, angles_deg=(38, 108))
RADII = (0.18, 0.34)


class TriangleCenter(ClusterTask):
    """Which point is the centre of gravity of the triangle?"""

    name: ClassVar[str] = "eyeballing-triangle-center"
    task: ClassVar[str] = "triangle_center"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the centre of gravity of a triangle"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        radius = board.side * rng.uniform(*RADII)
        corners = triangle_by_angles(rng, radius, RULE.angles_deg[0])
        if not RULE.holds(corners, board.side):
            return None
        target = sum(corners) / 3
        return {"corners": [corner - target for corner in corners]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        a, b, c = figure["corners"]
        return [Line(a, (b + c) / 2), Line(b, (a + c) / 2), Line(c, (a + b) / 2)]

    def residual(self, figure: Figure, point: complex) -> float:
        a, b, c = figure["corners"]
        return abs(point - intersection(a, (b + c) / 2, b, (a + c) / 2))

    def fields(self, figure: Figure) -> Figure:
        return {"triangle_vertices": figure["corners"]}
