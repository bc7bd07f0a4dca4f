"""The midpoint between two discs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import direction, unit
from .shapes import Dot, Line, Shape


class Midpoint(ClusterTask):
    """Which point is halfway between the discs?"""

    name: ClassVar[str] = "eyeballing-midpoint"
    task: ClassVar[str] = "midpoint"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the midpoint between two discs"

    def figure(self, rng: Rng, board: Board) -> Figure:
        half = board.side * rng.uniform(0.12, 0.30) * direction(rng.uniform(0, math.tau))
        return {"ends": [half, -half]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Dot(end, _radius(board)) for end in figure["ends"]]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        a, b = figure["ends"]
        edge = unit(b - a) * _radius(board)
        return [Line(a + edge, b - edge)]

    def residual(self, figure: Figure, point: complex) -> float:
        a, b = figure["ends"]
        return abs(point - (a + b) / 2)

    def fields(self, figure: Figure) -> Figure:
        a, b = figure["ends"]
        return {"midpoint": (a + b) / 2, "segment": {"start": a, "end": b}}


def _radius(board: Board) -> float:
    return max(board.point_radius + board.px(6), 0.028 * board.side)
