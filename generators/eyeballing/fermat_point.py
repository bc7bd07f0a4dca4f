"""The Fermat point of a triangle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import cross, direction, intersection
from .shapes import Line, Shape, polygon
from .triangle import TriangleRule

RULE = TriangleRule(side=0.3, area=0.05, altitude=0.17, angles_deg=(32, 115))
SPOKES = (0.1, 0.34)


class FermatPoint(ClusterTask):
    """From which point are the triangle's sides all seen under 120 degrees?"""

    name: ClassVar[str] = "eyeballing-fermat-point"
    task: ClassVar[str] = "fermat_point"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the point with the shortest way to all corners of a triangle"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        # Spokes 120 degrees apart meet in the Fermat point of their ends (all angles below 120).
        start = rng.uniform(0, math.tau)
        corners = [
            board.side * rng.uniform(*SPOKES) * direction(start + math.radians(120 * k))
            for k in range(3)
        ]
        return {"corners": corners} if RULE.holds(corners, board.side) else None

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(target, corner) for corner in figure["corners"]]

    def residual(self, figure: Figure, point: complex) -> float:
        a, b, c = figure["corners"]
        # Lines from two corners to the tips of equilateral triangles on the sides across.
        turn = direction(math.copysign(math.pi / 3, cross(b - a, c - a)))
        tip_a, tip_b = c + (b - c) * turn, a + (c - a) * turn
        return abs(point - intersection(a, tip_a, b, tip_b))
