"""The point that does not belong to the one square among five points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

from vtb.core.errors import VtbError
from vtb.core.rng import Rng

from .board import Board, Draft, Figure
from .geometry import direction
from .puzzle import Eyeballing
from .ranks import Ranks
from .shapes import Shape, polygon

ATTEMPTS = 20_000
SIDES = (0.28, 0.42)
MIN_APART = 0.18
# Four points are a square when their squared sides, and half their squared diagonals, differ by
# less than this share.
SQUARE_TOLERANCE = 0.08


class SquareOutlier(Eyeballing):
    """Which point is left when the other four are the corners of a square?"""

    name: ClassVar[str] = "eyeballing-square-outlier"
    task: ClassVar[str] = "square_outlier"
    group: ClassVar[str] = "shape"
    summary: ClassVar[str] = "find the point that is no corner of the square"
    prompt_group: ClassVar[str] = "eyeballing_markers"
    fixed_options: ClassVar[int | None] = 5

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        # The ranks stay: giving up on rare ones would make the others tell.
        ranks = Ranks.draw(rng, board.options, board.options)
        for _ in range(ATTEMPTS):
            points = _points(rng, board.side, ranks)
            placed = None if points is None else ranks.placed(rng, board, points, 0)
            if placed is not None:
                return Draft(placed, [{"outlier": placed[0], "corners": placed[1:]}], answer=0)
        raise VtbError(f"no five points of `{self.task}` with ranks {ranks} were found")

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return []

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def residual(self, figure: Figure, point: complex) -> float:
        """How unlike a square the four other points are; see `unlike_square`."""
        points = (figure["outlier"], *figure["corners"])
        return unlike_square([other for other in points if abs(other - point) > 1])

    def least_violation(self, board: Board) -> float:
        """A share, as the residual is."""
        return SQUARE_TOLERANCE


def unlike_square(points: Sequence[complex]) -> float:
    """By how much the squared distances of four points differ from those of a square, a share.

    A square has four equal ones and two twice as large; 0 for a square.
    """
    squares = sorted(abs(a - b) ** 2 for a, b in combinations(points, 2))
    scaled = [*squares[:4], squares[4] / 2, squares[5] / 2]
    return max(scaled) / min(scaled) - 1


def _points(rng: Rng, side: float, ranks: Ranks) -> list[complex] | None:
    """The outlier, inside or outside, and the corners of a square around 0 in order.

    None when the outlier is too near to a corner, or does not have its rank in the cluster.
    """
    half_diagonal = side * rng.uniform(*SIDES) / math.sqrt(2)
    turn_rad = rng.uniform(0, math.tau)
    reach, outlier_rad = side * rng.uniform(0, 0.6), rng.uniform(0, math.tau)
    # Most are refused, so that is done first: by the law of cosines, squared distances of the
    # corners from the outlier and from the centroid, a fifth of the way to the outlier.
    way_rad, area = outlier_rad - turn_rad, half_diagonal * reach
    x, y = area * math.cos(way_rad), area * math.sin(way_rad)
    squares = half_diagonal**2 + reach**2
    if squares - 2 * max(abs(x), abs(y)) < (MIN_APART * side) ** 2:
        return None
    nearer = 2.5 * (half_diagonal**2 + (0.2**2 - 0.8**2) * reach**2)
    if (x > nearer) + (y > nearer) + (-x > nearer) + (-y > nearer) != ranks.in_cluster:
        return None
    corners = [half_diagonal * direction(turn_rad) * 1j**k for k in range(4)]
    return [reach * direction(outlier_rad), *corners]
