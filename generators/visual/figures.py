"""The plane figures that patterns are made of, before they become pixels.

The unit is the short side of the canvas, the origin its middle; x grows to the right, y downwards.
Angles are degrees, clockwise as seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

Point: TypeAlias = tuple[float, float]

# The colour of the place to be filled in, beside the names in `palette`.
HIDDEN = "hidden"
# The colour of outlines, axes and ground lines.
INK = "ink"


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle with its inside."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed outline with its inside."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A line from point to point, as wide as outlines."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question mark; `size` is its em."""

    x: float
    y: float
    size: float


Figure: TypeAlias = Disc | Polygon | Path | Question


@dataclass(frozen=True, slots=True)
class Piece:
    """A figure in a named colour; `is_hidden` when it lies in the place to be filled in."""

    figure: Figure
    colour: str
    is_hidden: bool = False
    has_outline: bool = True


class Bounds(NamedTuple):
    """The smallest upright rectangle around something."""

    left: float
    top: float
    right: float
    bottom: float


def bounds(figures: Iterable[Figure]) -> Bounds:
    """The bounds of figures, at least one."""
    boxes = [_bounds(figure) for figure in figures]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Bounds(min(lefts), min(tops), max(rights), max(bottoms))


def regular_polygon(sides: int, x: float, y: float, radius: float, turn_deg: float = 0) -> Polygon:
    """A regular polygon on a level base, turned; `radius` reaches its corners."""
    first = -90 + (180 / sides if sides % 2 == 0 else 0) + turn_deg
    return Polygon(
        tuple(polar(x, y, radius, first + 360 * corner / sides) for corner in range(sides))
    )


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    """An upright rectangle."""
    return Polygon(((left, top), (right, top), (right, bottom), (left, bottom)))


def polar(x: float, y: float, radius: float, angle_deg: float) -> Point:
    """The point at a distance and in a direction from (x, y)."""
    angle = math.radians(angle_deg)
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def with_fill(
    pieces: Sequence[Piece], hidden: int, fill: str | None, mark: Piece
) -> Sequence[Piece]:
    """The pieces with one of them hidden: in the colour `fill`, or pale under a question mark."""
    filled = list(pieces)
    filled[hidden] = replace(filled[hidden], colour=fill or HIDDEN, is_hidden=True)
    return filled if fill else [*filled, mark]


def blank(x: float, y: float, radius: float) -> list[Piece]:
    """A round place that hides what belongs there, whatever its shape and size."""
    return [
        Piece(Disc(x, y, radius), HIDDEN, is_hidden=True, has_outline=False),
        question(x, y, radius),
    ]


def question(x: float, y: float, radius: float) -> Piece:
    """The question mark of a hidden place that is `radius` wide around (x, y)."""
    return Piece(Question(x, y, radius), INK, is_hidden=True)


def _bounds(figure: Figure) -> Bounds:
    match figure:
        case Disc(x, y, reach) | Question(x, y, reach):
            return Bounds(x - reach, y - reach, x + reach, y + reach)
        case Polygon(points) | Path(points):
            return _bounds_of_points(points)


def _bounds_of_points(points: Sequence[Point]) -> Bounds:
    xs, ys = zip(*points, strict=True)
    return Bounds(min(xs), min(ys), max(xs), max(ys))
