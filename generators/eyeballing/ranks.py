"""Five markers that are the figure themselves: their places must not tell the answer by rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vtb.core.rng import Rng

from .board import Board
from .shapes import Box

PLACES = 12


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many markers are nearer than the answer to the markers' centroid and to the canvas's.

    Both are drawn before the geometry, which is drawn until they hold. Otherwise the corner of a
    right angle, or what lies outside of a square, would mostly be the nearest or the farthest.
    """

    in_cluster: int
    on_canvas: int

    @classmethod
    def draw(cls, rng: Rng, count: int, possible: int) -> Ranks:
        """The rank in the cluster is uniform below `possible`, that on the canvas of `count` near.

        They differ by one at most, since a marker in the middle of the others is hardly ever the
        farthest on the canvas. A step that would leave the range is not made, so that no rank is
        more frequent than in the cluster.
        """
        first = rng.below(possible)
        return cls(first, min(count - 1, max(0, first + rng.below(3) - 1)))

    def placed(
        self, rng: Rng, board: Board, points: Sequence[complex], answer: int
    ) -> list[complex] | None:
        """The points somewhere within the frame where the ranks hold; None when not found."""
        space = room(board, points) if self.hold_in(points, answer) else None
        if space is None:
            return None
        for _ in range(PLACES):
            x, y = rng.uniform(space.left, space.right), rng.uniform(space.top, space.bottom)
            moved = [point + complex(x, y) for point in points]
            if self.hold_on(board, moved, answer):
                return moved
        return None

    def hold_in(self, points: Sequence[complex], answer: int) -> bool:
        """Whether the answer has its rank among distances to the points' centroid."""
        return _rank(points, answer, sum(points) / len(points)) == self.in_cluster

    def hold_on(self, board: Board, points: Sequence[complex], answer: int) -> bool:
        """Whether the answer has its rank among distances to the middle of the canvas."""
        middle = complex(board.width, board.height) / 2
        return _rank(points, answer, middle) == self.on_canvas


def room(board: Board, points: Sequence[complex]) -> Box | None:
    """The offsets by which the points may be moved within the frame, markers included."""
    radius, frame = board.point_radius, board.frame
    x, y = [p.real for p in points], [p.imag for p in points]
    box = Box(
        frame.left + radius - min(x),
        frame.top + radius - min(y),
        frame.right - radius - max(x),
        frame.bottom - radius - max(y),
    )
    return box if box.left <= box.right and box.top <= box.bottom else None


def _rank(points: Sequence[complex], answer: int, origin: complex) -> int:
    own = abs(points[answer] - origin)
    return sum(abs(point - origin) < own for point in points)
