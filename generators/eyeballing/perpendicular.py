"""The perpendicular to a line through a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction, foot, line_distance
from .parallel import POINT_PX, reference_line
from .shapes import Dot, Line, Shape


class Perpendicular(RowTask):
    """Which point lies on the perpendicular to the line through the dot?"""

    name: ClassVar[str] = "eyeballing-perpendicular"
    task: ClassVar[str] = "perpendicular"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find a point on the perpendicular to a line through a point"
    max_tilt: ClassVar[float] = 0.05

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        normal = direction(rng.uniform(0, math.tau))
        reach, height = board.side * rng.uniform(0.28, 0.38), board.side * rng.uniform(0.2, 0.3)
        if height > reach:  # the target lies beyond the line
            return None
        through = -reach * normal
        line = reference_line(rng, board, through + height * normal, normal * 1j)
        return {"line": line, "through": through}

    def across(self, figure: Figure) -> complex:
        return figure["through"] * 1j

    def anchor(self, figure: Figure) -> complex:
        return figure["through"]

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(*figure["line"]), Dot(figure["through"], board.px(POINT_PX), filled=True)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(figure["through"], target)]

    def residual(self, figure: Figure, point: complex) -> float:
        through = figure["through"]
        return line_distance(point, through, foot(through, *figure["line"]))

    def fields(self, figure: Figure) -> Figure:
        return {"reference_line_endpoints": figure["line"], "through_point": figure["through"]}
