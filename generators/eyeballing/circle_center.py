"""The centre of a circle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import circumcentre
from .shapes import Arc, Shape, circle

RIM_WIDTH = 0.6


class CircleCenter(ClusterTask):
    """Which point is the centre of the circle?"""

    name: ClassVar[str] = "eyeballing-circle-center"
    task: ClassVar[str] = "circle_center"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the centre of a circle"
    prompt_group: ClassVar[str] = "eyeballing_plain"

    def figure(self, rng: Rng, board: Board) -> Figure:
        # As wide as the reference's, which takes a share of the room around the target.
        return {"centre": 0j, "radius": board.side * rng.uniform(0.13, 0.30)}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [circle(figure["centre"], figure["radius"], RIM_WIDTH)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return []

    def residual(self, figure: Figure, point: complex) -> float:
        rim = Arc(figure["centre"], figure["radius"])
        return abs(point - circumcentre(rim.at(10), rim.at(130), rim.at(250)))

    def fields(self, figure: Figure) -> Figure:
        return {"circle_center": figure["centre"], "radius": figure["radius"]}
