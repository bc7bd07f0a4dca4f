"""Tasks whose figure is drawn around its target, with options in a cluster or in a row."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from operator import neg
from typing import ClassVar

from vtb.core.rng import Rng

from .board import Board, Draft, Figure
from .geometry import direction, unit
from .layout import are_clear, cluster, place, row
from .puzzle import Eyeballing
from .shapes import joint_box


class ClusterTask(Eyeballing):
    """A figure drawn around its target at 0, with a cluster of options."""

    @abstractmethod
    def figure(self, rng: Rng, board: Board) -> Figure | None:
        """A figure whose right point is 0; None when this draw did not work out."""

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        figure = self.figure(rng, board)
        if figure is None:
            return None
        offsets = cluster(rng, board, self.ink(figure, board))
        if offsets is None:
            return None
        extent = joint_box(self.framed(figure, 0j, board))
        return place(rng, board, figure, extent, offsets, in_order=False)


class RowTask(ClusterTask):
    """A figure drawn around its target at 0, with options in a row across the sought line."""

    max_tilt: ClassVar[float]

    @abstractmethod
    def across(self, figure: Figure) -> complex:
        """The direction of the row, before it is tilted by up to `max_tilt` radians."""

    @abstractmethod
    def anchor(self, figure: Figure) -> complex:
        """The point from which the sought line is followed to the row."""

    def difficulty(
        self, figure: Figure, target: complex, board: Board, violation: float, gap: float
    ) -> Mapping[str, float]:
        """Also `angular_gap_deg`: the gap as seen from the anchor."""
        angle = math.degrees(math.atan2(gap, abs(target - self.anchor(figure))))
        numbers = super().difficulty(figure, target, board, violation, gap)
        return {**numbers, "angular_gap_deg": round(angle, 3)}

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        figure = self.figure(rng, board)
        if figure is None:
            return None
        tilt = rng.uniform(-self.max_tilt, self.max_tilt) + math.pi * rng.below(2)
        offsets = row(board, unit(self.across(figure)) * direction(tilt))
        extent = joint_box(self.framed(figure, 0j, board))
        draft = place(rng, board, figure, extent, offsets, in_order=True)
        # All ways from one option to another, as seen from the target of a figure.
        ways = [way - offsets[0] for way in offsets]
        strokes = self.ink(figure, board)
        is_clear = all(are_clear(strokes, way, board.clearance) for way in (*ways, *map(neg, ways)))
        return draft if is_clear else None
