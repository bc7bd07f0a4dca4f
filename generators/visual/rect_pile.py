"""Piles of overlapping rectangles in which the order of every two can be seen.

Coordinates are whole units of a square board, x to the right, y downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from vtb.core.rng import Rng

BOARD = 24
MIN_SIDE, MAX_SIDE = 8, 16
# The order of two rectangles is seen where a side of the upper one crosses the lower one: on at
# least two sides, one unit each.
MIN_SIDES, MIN_VISIBLE = 2, 1
PLACEMENTS = 20


class Rect(NamedTuple):
    """A rectangle by its corners."""

    left: int
    top: int
    right: int
    bottom: int


class Side(NamedTuple):
    """One side of a rectangle: a line of constant x (or y) between two values of the other."""

    is_upright: bool
    at: int
    first: int
    last: int


def draw_pile(rng: Rng, ranks: Sequence[int]) -> list[Rect] | None:
    """Rectangles from top to bottom, every two in visible order; None when they got stuck.

    `ranks` says which place each has among them by area. Some sizes get stuck more often than
    others; with ranks drawn once and for all, areas tell nothing about the order all the same.
    They are placed from the lowest up.
    """
    sizes = sorted(
        ((_side(rng), _side(rng)) for _ in ranks), key=lambda size: (size[0] * size[1], size)
    )
    pile: list[Rect] = []
    for rank in reversed(ranks):
        width, height = sizes[rank]
        for _ in range(PLACEMENTS):
            left, top = rng.below(BOARD - width + 1), rng.below(BOARD - height + 1)
            rect = Rect(left, top, left + width, top + height)
            if all(overlap(rect, lower) for lower in pile) and is_clear([rect, *pile]):
                pile.insert(0, rect)
                break
        else:
            return None
    return pile


def overlap(a: Rect, b: Rect) -> bool:
    """Whether two rectangles have an area in common."""
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def is_clear(pile: Sequence[Rect]) -> bool:
    """Whether the order of every two rectangles of a pile, top first, can be seen."""
    return all(
        sum(length >= MIN_VISIBLE for length in visible_sides(pile, upper, lower)) >= MIN_SIDES
        for upper, lower in combinations(range(len(pile)), 2)
    )


def visible_sides(pile: Sequence[Rect], upper: int, lower: int) -> list[int]:
    """Per side of one rectangle, the longest piece that is seen to lie on a lower one.

    There neither of the two is covered. A side that touches a higher rectangle counts as covered.
    """
    others = [rect for place, rect in enumerate(pile[:lower]) if place != upper]
    return [_longest(side, pile[lower], others) for side in _sides(pile[upper])]


def turned(rect: Rect) -> Rect:
    """The rectangle after a quarter turn of the board."""
    return Rect(BOARD - rect.bottom, rect.left, BOARD - rect.top, rect.right)


def flipped(rect: Rect) -> Rect:
    """The rectangle after the board was mirrored left to right."""
    return Rect(BOARD - rect.right, rect.top, BOARD - rect.left, rect.bottom)


def _side(rng: Rng) -> int:
    return MIN_SIDE + rng.below(MAX_SIDE - MIN_SIDE + 1)


def _sides(rect: Rect) -> Iterator[Side]:
    left, top, right, bottom = rect
    yield Side(True, left, top, bottom)
    yield Side(True, right, top, bottom)
    yield Side(False, top, left, right)
    yield Side(False, bottom, left, right)


def _longest(side: Side, lower: Rect, others: Sequence[Rect]) -> int:
    """The longest piece of a side within a rectangle and outside of the others."""
    near, first, far, last = _along(side, lower)
    if not near < side.at < far:
        return 0
    first, last = max(first, side.first), min(last, side.last)
    covered = sorted(
        (start, stop)
        for low, start, high, stop in (_along(side, rect) for rect in others)
        if low <= side.at <= high
    )
    longest, free_from = 0, first
    for start, stop in covered:
        longest = max(longest, min(start, last) - free_from)
        free_from = max(free_from, stop)
    return max(longest, last - free_from)


def _along(side: Side, rect: Rect) -> Rect:
    """The rectangle with the axis across the side first."""
    return rect if side.is_upright else Rect(rect.top, rect.left, rect.bottom, rect.right)
