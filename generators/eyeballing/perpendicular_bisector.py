"""The perpendicular bisector of a segment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction
from .shapes import Line, Shape


class PerpendicularBisector(RowTask):
    """Which point is equally far from both ends of the segment?"""

    name: ClassVar[str] = "eyeballing-perpendicular-bisector"
    task: ClassVar[str] = "perpendicular_bisector"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find a point on the perpendicular bisector of a segment"
    max_tilt: ClassVar[float] = 0.08

    def figure(self, rng: Rng, board: Board) -> Figure:
        normal = direction(rng.uniform(0, math.tau))
        middle = -board.side * rng.uniform(0.26, 0.38) * normal
        half = board.side * rng.uniform(0.13, 0.22) * normal * 1j
        return {"segment": [middle - half, middle + half]}

    def across(self, figure: Figure) -> complex:
        a, b = figure["segment"]
        return b - a

    def anchor(self, figure: Figure) -> complex:
        a, b = figure["segment"]
        return (a + b) / 2

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(*figure["segment"])]

    def framed(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return self.ink(figure, board)

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        way = target - self.anchor(figure)
        return [Line(board.canvas.leaving(target, -way), board.canvas.leaving(target, way))]

    def residual(self, figure: Figure, point: complex) -> float:
        # The difference of the squared distances is twice the length times the distance sought.
        a, b = figure["segment"]
        return abs(abs(point - a) ** 2 - abs(point - b) ** 2) / (2 * abs(b - a))
