"""The point where three rays would meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import cross, direction, intersection, unit
from .shapes import Line, Shape

MIN_APART_DEG = 48
REACH = (0.28, 0.42)
GIVEN = (0.28, 0.4)
# Lines at a smaller angle meet too vaguely to be computed with.
MIN_SINE = 0.2


class RayIntersection(ClusterTask):
    """Where do the three rays meet when they go on?"""

    name: ClassVar[str] = "eyeballing-ray-intersection"
    task: ClassVar[str] = "ray_intersection"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find where three rays would meet"

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        turns = [rng.uniform(0, math.tau) for _ in range(3)]
        apart = [abs((a - b + math.pi) % math.tau - math.pi) for a, b in combinations(turns, 2)]
        if min(apart) < math.radians(MIN_APART_DEG):
            return None
        # Of each ray only the outer part is given.
        ends = [board.side * rng.uniform(*REACH) * direction(turn) for turn in turns]
        return {"rays": [[end, end * (1 - rng.uniform(*GIVEN))] for end in ends]}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(far, near) for far, near in figure["rays"]]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(near, target) for _, near in figure["rays"]]

    def residual(self, figure: Figure, point: complex) -> float:
        meetings = [
            intersection(*first, *second)
            for first, second in combinations(figure["rays"], 2)
            if abs(cross(unit(first[1] - first[0]), unit(second[1] - second[0]))) > MIN_SINE
        ]
        return max(abs(point - meeting) for meeting in meetings)

    def fields(self, figure: Figure) -> Figure:
        first, second = figure["rays"][:2]
        return {
            "intersection": intersection(*first, *second),
            "rays": [{"start": far, "end": near} for far, near in figure["rays"]],
            "type": self.task,
        }
