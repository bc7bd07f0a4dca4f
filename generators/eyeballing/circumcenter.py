"""The circumcentre of a triangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import circumcentre
from .shapes import Shape, circle, polygon
from .triangle import TriangleRule, triangle_by_angles

RULE = TriangleRule(side=0.24, area=0.055, altitude=0.17, angles_deg=(38, 108))
RADII = (0.2, 0.34)


class Circumcenter(ClusterTask):
    """Which point is equally far from the triangle's three corners?"""

    name: ClassVar[str] = "eyeballing-circumcenter"
    task: ClassVar[str] = "circumcenter"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the centre of a triangle's circumcircle"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        radius = board.side * rng.uniform(*RADII)
        corners = triangle_by_angles(rng, radius, RULE.angles_deg[0])
        if not RULE.holds(corners, board.side):
            return None
        return {"corners": corners}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [circle(target, abs(figure["corners"][0] - target))]

    def residual(self, figure: Figure, point: complex) -> float:
        return abs(point - circumcentre(*figure["corners"]))
