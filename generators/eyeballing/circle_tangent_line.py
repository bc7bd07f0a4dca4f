"""The tangent to a circle at a point on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction, dot, unit
from .shapes import Dot, Line, Shape, circle

CONTACT_PX = 7
# The tangent begins beside the mark of its contact.
START_PX = 9


class CircleTangentLine(RowTask):
    """Which point lies on the tangent to the circle at the marked contact?"""

    name: ClassVar[str] = "eyeballing-circle-tangent-line"
    task: ClassVar[str] = "circle_tangent_line"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find a point on the tangent at a point of a circle"
    max_tilt: ClassVar[float] = 0.05

    def figure(self, rng: Rng, board: Board) -> Figure:
        along = direction(rng.uniform(0, math.tau))
        contact = -board.side * rng.uniform(0.26, 0.38) * along
        radius = board.side * rng.uniform(0.22, 0.36)
        centre = contact + radius * along * rng.choice((1j, -1j))
        return {"centre": centre, "radius": radius, "contact": contact}

    def across(self, figure: Figure) -> complex:
        return figure["contact"] * 1j

    def anchor(self, figure: Figure) -> complex:
        return figure["contact"]

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        rim = circle(figure["centre"], figure["radius"])
        return [rim, Dot(figure["contact"], board.px(CONTACT_PX))]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        contact = figure["contact"]
        return [Line(contact + board.px(START_PX) * unit(target - contact), target)]

    def residual(self, figure: Figure, point: complex) -> float:
        contact = figure["contact"]
        return abs(dot(point - contact, unit(contact - figure["centre"])))
