"""The fourth corner of a parallelogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import cross, direction
from .shapes import Line, Shape

MIN_AREA = 0.05


class Parallelogram(ClusterTask):
    """Which point completes the parallelogram?"""

    name: ClassVar[str] = "eyeballing-parallelogram"
    task: ClassVar[str] = "parallelogram"
    group: ClassVar[str] = "shape"
    summary: ClassVar[str] = "complete a parallelogram"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        start, angle = rng.uniform(0, math.tau), math.radians(rng.uniform(54, 116))
        a = board.side * rng.uniform(0.2, 0.3) * direction(start)
        c = board.side * rng.uniform(0.2, 0.3) * direction(start + angle)
        if abs(cross(a, c)) < MIN_AREA * board.side**2:
            return None
        return {"corners": [a, a + c, c]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        a, b, c = figure["corners"]
        return [Line(a, b), Line(b, c)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        a, _, c = figure["corners"]
        return [Line(c, target), Line(target, a)]

    def residual(self, figure: Figure, point: complex) -> float:
        # Diagonals of a parallelogram halve each other.
        a, b, c = figure["corners"]
        return 2 * abs((point + b) / 2 - (a + c) / 2)

    def fields(self, figure: Figure) -> Figure:
        return {"known_vertices": figure["corners"]}
