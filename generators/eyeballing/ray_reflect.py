"""The way of a ray after one reflection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import RowTask
from .board import Board, Figure
from .geometry import direction, intersection, line_distance, reflect
from .shapes import Dot, Line, Shape

SOURCE_PX = 7
RAY_WIDTH = 0.6
# From the mirror's normal: neither back towards the source nor along the mirror.
INCIDENCE_DEG = (28.4, 61.6)
MIN_HEIGHT = 0.22
GIVEN = 0.5


class RayReflect(RowTask):
    """Which point does the ray meet after the mirror?"""

    name: ClassVar[str] = "eyeballing-ray-reflect"
    task: ClassVar[str] = "ray_reflect"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find where a ray goes after a mirror"
    max_tilt: ClassVar[float] = 0.05

    def figure(self, rng: Rng, board: Board) -> Figure | None:
        onward = direction(rng.uniform(0, math.tau))
        incidence = rng.choice((1, -1)) * math.radians(rng.uniform(*INCIDENCE_DEG))
        reach = board.side * rng.uniform(0.24, 0.46)
        if reach * math.cos(incidence) < MIN_HEIGHT * board.side:
            return None
        hit = -board.side * rng.uniform(0.4, 0.62) * onward
        normal = onward * direction(incidence)
        mirror = 2 * board.side * rng.uniform(0.2, 0.3) * normal * 1j
        start = hit - rng.uniform(0.24, 0.76) * mirror
        source = hit + reach * normal * direction(incidence)
        return {
            "mirror": [start, start + mirror],
            "source": source,
            "ray_end": source + GIVEN * (hit - source),
        }

    def across(self, figure: Figure) -> complex:
        return self.anchor(figure) * 1j

    def anchor(self, figure: Figure) -> complex:
        return intersection(figure["source"], figure["ray_end"], *figure["mirror"])

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        source = figure["source"]
        return [
            Line(*figure["mirror"]),
            Line(source, figure["ray_end"], RAY_WIDTH),
            Dot(source, board.px(SOURCE_PX), filled=True),
        ]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        hit = self.anchor(figure)
        return [Line(figure["ray_end"], hit, RAY_WIDTH), Line(hit, target, RAY_WIDTH)]

    def residual(self, figure: Figure, point: complex) -> float:
        # The reflected ray seems to come from the mirror image of the source.
        return line_distance(
            point, reflect(figure["source"], *figure["mirror"]), self.anchor(figure)
        )

    def fields(self, figure: Figure) -> Figure:
        return {
            "light_source": figure["source"],
            "mirror_line": figure["mirror"],
            "reflection_point": self.anchor(figure),
        }
