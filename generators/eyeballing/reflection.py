"""The mirror image of a point in a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .arrangements import ClusterTask
from .board import Board, Figure
from .geometry import direction, foot
from .shapes import Dot, Line, Shape

SOURCE_PX = 7


class Reflection(ClusterTask):
    """Where is the point's mirror image?"""

    name: ClassVar[str] = "eyeballing-reflection"
    task: ClassVar[str] = "reflection"
    group: ClassVar[str] = "point"
    summary: ClassVar[str] = "find the mirror image of a point"

    def figure(self, rng: Rng, board: Board) -> Figure:
        along = direction(rng.uniform(0, math.tau))
        half = board.side * rng.uniform(0.16, 0.28)
        offset = board.side * rng.uniform(0.21, 0.34)
        # The target is the image; the axis lies one offset away, the source two.
        base = along * 1j * offset
        middle = base + along * half * rng.uniform(-0.6, 0.6)
        return {"axis": [middle - along * half, middle + along * half], "source": 2 * base}

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [Line(*figure["axis"]), Dot(figure["source"], board.px(SOURCE_PX), filled=True)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return [Line(figure["source"], target)]

    def residual(self, figure: Figure, point: complex) -> float:
        # The middle between source and image is the foot on the axis.
        source = figure["source"]
        return 2 * abs((point + source) / 2 - foot(source, *figure["axis"]))

    def fields(self, figure: Figure) -> Figure:
        return {"reflection_axis": figure["axis"], "source_point": figure["source"]}
