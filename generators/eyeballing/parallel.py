"""The parallel to a line through a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction, line_distance
from .shapes import Dot, Line, Shape

POINT_PX = 6


def reference_line(rng: Rng, board: Board, foot: complex, along: complex) -> list[complex]:
    """The ends of a line along a unit vector; `foot` is anywhere on it but near the ends.

    Were it in the middle, the option opposite the line's middle would be right without judging
    any angle.
    """
    way = board.side * rng.uniform(0.28, 0.44) * along
    start = foot - rng.uniform(0.15, 0.85) * way
    return [start, start + way]


class Parallel(RowTask):
    """Which point lies on the parallel to the line through the dot?"""

    name: ClassVar[str] = "eyeballing-parallel"
    task: ClassVar[str] = "parallel"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find a point on the parallel to a line through a point"
    max_tilt: ClassVar[float] = 0.05

    def figure(self, rng: Rng, board: Board) -> Figure:
        along = direction(rng.uniform(0, math.tau))
        through = -board.side * rng.uniform(0.3, 0.4) * along
        aside = board.side * rng.uniform(0.2, 0.3) * rng.choice((1j, -1j)) * along
        return {"line": reference_line(rng, board, through + aside, along), "through": through}

    def across(self, figure: Figure) -> complex:
        return figure["through"] * 1j

    def anchor(self, figure: Figure) -> complex:
        return figure["through"]

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(*figure["line"]), Dot(figure["through"], board.px(POINT_PX), filled=True)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(figure["through"], target)]

    def residual(self, figure: Figure, point: complex) -> float:
        (a, b), through = figure["line"], figure["through"]
        return line_distance(point, through, through + b - a)

    def fields(self, figure: Figure) -> Figure:
        return {"reference_line_endpoints": figure["line"], "through_point": figure["through"]}
