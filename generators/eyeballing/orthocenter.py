"""The orthocentre of a triangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import foot, intersection
from .shapes import Line, Shape, polygon
from .triangle import TriangleRule, triangle_by_angles

RULE = TriangleRule(
    side=0.25, area=0.06, altitude=0.18, angles_deg=(38, 110), avoided_deg=(76, 102)
)
RADII = (0.2, 0.34)


class Orthocenter(ClusterTask):
    """Where do the three altitudes of the triangle meet?"""

    name: ClassVar[str] = "eyeballing-orthocenter"
    task: ClassVar[str] = "orthocenter"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find where the altitudes of a triangle meet"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        radius = board.side * rng.uniform(*RADII)
        corners = triangle_by_angles(rng, radius, RULE.angles_deg[0])
        if not RULE.holds(corners, board.side):
            return None
        target = sum(corners)  # of a triangle on a circle around 0
        return {"corners": [corner - target for corner in corners]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        corners = figure["corners"]
        sides = ((1, 2), (2, 0), (0, 1))
        return [
            Line(corner if abs(corner - base) > abs(target - base) else target, base)
            for corner, (i, j) in zip(corners, sides, strict=True)
            for base in (foot(corner, corners[i], corners[j]),)
        ]

    def residual(self, figure: Figure, point: complex) -> float:
        a, b, c = figure["corners"]
        return abs(point - intersection(a, foot(a, b, c), b, foot(b, a, c)))
