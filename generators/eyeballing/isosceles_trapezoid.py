"""The fourth corner of an isosceles trapezoid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import direction, reflect
from .shapes import Line, Shape


class IsoscelesTrapezoid(ClusterTask):
    """Which point completes the isosceles trapezoid?"""

    name: ClassVar[str] = "eyeballing-isosceles-trapezoid"
    task: ClassVar[str] = "isosceles_trapezoid"
    group: ClassVar[str] = "shape"
    summary: ClassVar[str] = "complete an isosceles trapezoid"

    def figure(self, rng: Rng, board: Board) -> Figure:
        half = board.side * rng.uniform(0.2, 0.26)
        top, height = half * rng.uniform(0.52, 0.72), board.side * rng.uniform(0.2, 0.28)
        corners = [complex(x, y) for x, y in ((-half, 0), (half, 0), (top, height), (-top, height))]
        # Any corner may be the missing one; the given ones follow it around.
        first, turn = rng.below(4), direction(rng.uniform(0, math.tau))
        around = [corners[(first + k) % 4] for k in range(4)]
        if rng.below(2):
            around = [corner.conjugate() for corner in around]
        return {"corners": [(corner - around[0]) * turn for corner in around[1:]]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        a, b, c = figure["corners"]
        return [Line(a, b), Line(b, c)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        a, _, c = figure["corners"]
        return [Line(c, target), Line(target, a)]

    def residual(self, figure: Figure, point: complex) -> float:
        # The missing corner mirrors a given one in the axis through the middle of the base that
        # joins the other two; which of the given sides is the base shows by the rest.
        a, b, c = figure["corners"]
        first, second = (a + b) / 2, (b + c) / 2
        by_first = reflect(c, first, first + (b - a) * 1j)
        by_second = reflect(a, second, second + (c - b) * 1j)
        return min(abs(point - by_first), abs(point - by_second))
