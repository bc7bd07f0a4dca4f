"""The bisector of an angle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction, line_distance, signed_turn, unit
from .shapes import Line, Shape

OPENING_DEG = (54, 112)


class AngleBisector(RowTask):
    """Which point lies on the bisector of the angle?"""

    name: ClassVar[str] = "eyeballing-angle-bisector"
    task: ClassVar[str] = "angle_bisector"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find a point on the bisector of an angle"
    max_tilt: ClassVar[float] = 0.06

    def figure(self, rng: Rng, board: Board) -> Figure:
        turn, half = rng.uniform(0, math.tau), math.radians(rng.uniform(*OPENING_DEG) / 2)
        vertex = -board.side * rng.uniform(0.3, 0.4) * direction(turn)
        arms = [
            vertex + board.side * rng.uniform(0.24, 0.36) * direction(turn + side * half)
            for side in (-1, 1)
        ]
        return {"vertex": vertex, "arms": arms}

    def across(self, figure: Figure) -> complex:
        return figure["vertex"] * 1j

    def anchor(self, figure: Figure) -> complex:
        return figure["vertex"]

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(figure["vertex"], arm) for arm in figure["arms"]]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(figure["vertex"], target)]

    def residual(self, figure: Figure, point: complex) -> float:
        vertex, (a, b) = figure["vertex"], figure["arms"]
        return line_distance(point, vertex, vertex + unit(a - vertex) + unit(b - vertex))

    def fields(self, figure: Figure) -> Figure:
        vertex, (a, b) = figure["vertex"], figure["arms"]
        return {
            "vertex": vertex,
            "ray_endpoints": [a, b],
            "angle_degrees": math.degrees(abs(signed_turn(a - vertex, b - vertex))),
        }
