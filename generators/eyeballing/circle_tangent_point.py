"""Where a line from a point touches a circle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .board import Board, Draft, Figure, moved
from .drafting import is_possible
from .geometry import direction, dot, unit
from .puzzle import Eyeballing
from .shapes import Box, Dot, Line, Shape, circle, joint_box

POINT_PX = 6
CENTRE_PX = 4
# At the usual gap and above the options spread over so much of the rim, and no line from the point
# to a wrong one is nearer to a right angle with its radius; for a smaller gap both shrink.
USUAL_GAP = 0.055
SPREAD_DEG = (96, 132)
MIN_COSINE = 0.28


class CircleTangentPoint(Eyeballing):
    """At which point of the rim does a line from the dot touch the circle?"""

    name: ClassVar[str] = "eyeballing-circle-tangent-point"
    task: ClassVar[str] = "circle_tangent_point"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find where a line from a point touches a circle"
    keeps_clear: ClassVar[bool] = False

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        ease = min(1.0, board.gap / (USUAL_GAP * board.side))
        radius = board.side * rng.uniform(0.22, 0.36)
        spread = rng.choice((1, -1)) * math.radians(rng.uniform(*SPREAD_DEG)) * ease
        step = spread / (board.options - 1)
        outer = radius * rng.uniform(1.7, 2.8)
        outer *= direction(rng.choice((1, -1)) * math.acos(radius / outer))
        if not _is_clear_cut(board, radius, outer, step, MIN_COSINE * ease):
            return None
        first = rng.uniform(0, math.tau)
        turns = [direction(first + place * step) for place in range(board.options)]
        figures = [{"centre": 0j, "radius": radius, "point": outer * turn} for turn in turns]
        shapes = [shape for figure in figures for shape in self.ink(figure, board)]
        shapes += [Dot(radius * turn, board.point_radius) for turn in turns]
        centre = _somewhere(rng, board.frame, joint_box(shapes))
        if centre is None:
            return None
        positions = [centre + radius * turn for turn in turns]
        draft = Draft(positions, [moved(figure, centre) for figure in figures], in_order=True)
        return draft if is_possible(self, draft, board) else None

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        rim = circle(figure["centre"], figure["radius"])
        return [rim, Dot(figure["point"], board.px(POINT_PX), filled=True)]

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        centre = figure["centre"]
        return [
            Dot(centre, board.px(CENTRE_PX), filled=True),
            Line(figure["point"], target),
            Line(centre, target),
        ]

    def residual(self, figure: Figure, point: complex) -> float:
        # Both contacts lie across the way from the centre to the point, r^2 / d along it.
        centre, radius, outer = figure["centre"], figure["radius"], figure["point"]
        way = outer - centre
        foot = centre + way * (radius / abs(way)) ** 2
        aside = unit(way) * 1j * math.sqrt(radius**2 - abs(foot - centre) ** 2)
        return min(abs(point - foot - aside), abs(point - foot + aside))


def _is_clear_cut(
    board: Board, radius: float, outer: complex, step: float, least_cosine: float
) -> bool:
    """Whether no other option can pass for the contact, wherever in the row the contact is.

    The contact is at angle 0 of a circle around 0, the others lie `step` radians apart to both
    sides of it; there is a second contact, which `outer` sees as well.
    """
    second = radius * (outer / abs(outer)) ** 2
    for place in range(1 - board.options, board.options):
        rim = direction(place * step)
        if place and (
            abs(dot(rim, unit(outer - radius * rim))) < least_cosine
            or min(abs(radius * rim - radius), abs(radius * rim - second)) < board.gap
        ):
            return False
    return True


def _somewhere(rng: Rng, frame: Box, extent: Box) -> complex | None:
    """By how much to move the extent to be anywhere in the frame; None where there is no room."""
    left, right = frame.left - extent.left, frame.right - extent.right
    top, bottom = frame.top - extent.top, frame.bottom - extent.bottom
    if left > right or top > bottom:
        return None
    return complex(rng.uniform(left, right), rng.uniform(top, bottom))
