"""Where the options of a puzzle lie, by laws that treat all of them alike.

The figure is drawn around its target and may then be moved to any option. Options are placed so
that it fits at every one of them; which is right is decided afterwards. Whoever looks at
positions and labels only is therefore right by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vtb.core.rng import Rng

from .board import Board, Draft, Figure, moved
from .geometry import direction
from .shapes import Box, Shape, around

ATTEMPTS = 60
# Every option of a cluster has a neighbour within this many gaps.
MAX_NEIGHBOUR_GAPS = 1.3


def cluster(rng: Rng, board: Board, strokes: Sequence[Shape]) -> list[complex] | None:
    """Offsets of a cluster around 0: at least a gap apart, each within 1.3 gaps of another.

    It grows option by option beside one of those before; None when it ran out of room, since no
    two options are farther apart than the board's spread, and none may lie where the figure of
    another has a stroke: `strokes` are those of the figure with its target at 0.
    """
    room = min(stroke.distance(0j) for stroke in strokes) - board.clearance
    if room < board.gap:
        return None
    points = [0j]
    for _ in range(ATTEMPTS):
        if len(points) == board.options:
            break
        step = board.gap * rng.uniform(1, MAX_NEIGHBOUR_GAPS)
        point = rng.choice(points) + step * direction(rng.uniform(0, math.tau))
        lengths = [abs(point - other) for other in points]
        if board.gap <= min(lengths) and max(lengths) <= board.spread:
            # Near the target there is no stroke.
            far = [other for other, length in zip(points, lengths, strict=True) if length > room]
            if all(
                are_clear(strokes, point - other, board.clearance)
                and are_clear(strokes, other - point, board.clearance)
                for other in far
            ):
                points.append(point)
    middle = sum(points) / len(points)
    return [point - middle for point in points] if len(points) == board.options else None


def are_clear(strokes: Sequence[Shape], point: complex, clearance: float) -> bool:
    """Whether no stroke comes nearer to a point."""
    return all(stroke.distance(point) >= clearance for stroke in strokes)


def row(board: Board, along: complex) -> list[complex]:
    """Offsets of a row around 0, a gap apart; `along` is its unit direction."""
    middle = (board.options - 1) / 2
    return [along * board.gap * (place - middle) for place in range(board.options)]


def place(
    rng: Rng, board: Board, figure: Figure, extent: Box, offsets: list[complex], *, in_order: bool
) -> Draft | None:
    """The options somewhere on the board where the figure fits at each of them; None if nowhere.

    The figure's target is at 0; `extent` is what of it must lie within the board's frame.
    """
    markers = around(offsets)
    radius, frame = board.point_radius, board.frame
    left = frame.left - markers.left - min(extent.left, -radius)
    top = frame.top - markers.top - min(extent.top, -radius)
    right = frame.right - markers.right - max(extent.right, radius)
    bottom = frame.bottom - markers.bottom - max(extent.bottom, radius)
    if left > right or top > bottom:
        return None
    middle = complex(rng.uniform(left, right), rng.uniform(top, bottom))
    positions = [middle + offset for offset in offsets]
    return Draft(positions, [moved(figure, point) for point in positions], in_order)
