"""The strokes of a figure: where they are, how far from a point, and how they grow.

Points are complex numbers in px (see `geometry`); angles of arcs are degrees, clockwise as seen.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

from .geometry import segment_distance


class Box(NamedTuple):
    """An upright rectangle, px."""

    left: float
    top: float
    right: float
    bottom: float

    def contains(self, other: Box) -> bool:
        """Whether the other lies within, borders included."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def has(self, point: complex, room: float = 0.0) -> bool:
        """Whether a point lies within, at least `room` from every border."""
        return (
            self.left + room <= point.real <= self.right - room
            and self.top + room <= point.imag <= self.bottom - room
        )

    def leaving(self, start: complex, way: complex) -> complex:
        """Where the half-line from a point within, in the direction of `way`, leaves the box."""
        sides = (
            (way.real, self.right - start.real, self.left - start.real),
            (way.imag, self.bottom - start.imag, self.top - start.imag),
        )
        return start + way * min((far if w > 0 else near) / w for w, far, near in sides if w)


@dataclass(frozen=True, slots=True)
class Line:
    """A straight stroke from `a` to `b`; `width` is a share of the puzzle's line width."""

    a: complex
    b: complex
    width: float = 1.0

    @property
    def box(self) -> Box:
        """What the stroke's middle covers."""
        return around((self.a, self.b))

    @property
    def length(self) -> float:
        """The length that is drawn, px."""
        return abs(self.b - self.a)

    def distance(self, point: complex) -> float:
        """How far a point is from the stroke's middle, px."""
        return segment_distance(point, self.a, self.b)

    def piece(self, first: float, last: float) -> Self:
        """The stroke between two shares (0 to 1) of its length."""
        way = self.b - self.a
        return type(self)(self.a + way * first, self.a + way * last, self.width)


@dataclass(frozen=True, slots=True)
class Arc:
    """A piece of a circle; a sweep of 360 degrees is a whole one, a negative one runs back."""

    centre: complex
    radius: float
    start_deg: float = 0.0
    sweep_deg: float = 360.0
    width: float = 1.0

    @property
    def box(self) -> Box:
        """What the stroke's middle covers."""
        if self.sweep_deg == 360:
            return around_circle(self.centre, self.radius)
        low, high = sorted((self.start_deg, self.start_deg + self.sweep_deg))
        quarters = range(math.floor(low / 90) + 1, math.ceil(high / 90))
        return around(self.at(angle) for angle in (low, high, *(90.0 * q for q in quarters)))

    @property
    def length(self) -> float:
        """The length that is drawn, px."""
        return self.radius * math.radians(abs(self.sweep_deg))

    def at(self, angle_deg: float) -> complex:
        """The point of the circle at an angle."""
        return self.centre + cmath.rect(self.radius, math.radians(angle_deg))

    def distance(self, point: complex) -> float:
        """How far a point is from the stroke's middle, px."""
        low, high = sorted((self.start_deg, self.start_deg + self.sweep_deg))
        angle = math.degrees(cmath.phase(point - self.centre)) if point != self.centre else low
        if low + (angle - low) % 360 <= high:
            return abs(abs(point - self.centre) - self.radius)
        return min(abs(point - self.at(low)), abs(point - self.at(high)))

    def piece(self, first: float, last: float) -> Self:
        """The stroke between two shares (0 to 1) of its length."""
        start, sweep = self.start_deg + first * self.sweep_deg, (last - first) * self.sweep_deg
        return type(self)(self.centre, self.radius, start, sweep, self.width)


@dataclass(frozen=True, slots=True)
class Dot:
    """A small round mark with outline, `filled` with ink or with the background."""

    centre: complex
    radius: float
    filled: bool = False

    @property
    def box(self) -> Box:
        """What the mark covers."""
        return around_circle(self.centre, self.radius)

    @property
    def length(self) -> float:
        """How long a stroke of this many px takes as long to draw."""
        return 2 * self.radius

    def distance(self, point: complex) -> float:
        """How far a point is outside of the mark, px; 0 within."""
        return max(0.0, abs(point - self.centre) - self.radius)

    def piece(self, first: float, last: float) -> Self:
        """The mark grown to `last` (0 to 1) of its radius."""
        return type(self)(self.centre, self.radius * last, self.filled)


Shape: TypeAlias = Line | Arc | Dot


def circle(centre: complex, radius: float, width: float = 1.0) -> Arc:
    """A whole circle, drawn clockwise from the right."""
    return Arc(centre, radius, width=width)


def polygon(corners: Iterable[complex]) -> list[Shape]:
    """The sides of a closed polygon."""
    points = list(corners)
    return [Line(a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True)]


def around(points: Iterable[complex]) -> Box:
    """The smallest box with all the points."""
    items = list(points)
    x, y = [p.real for p in items], [p.imag for p in items]
    return Box(min(x), min(y), max(x), max(y))


def around_circle(centre: complex, radius: float) -> Box:
    """The smallest box with a circle."""
    x, y = centre.real, centre.imag
    return Box(x - radius, y - radius, x + radius, y + radius)


def joint_box(shapes: Iterable[Shape]) -> Box:
    """The smallest box with all the shapes."""
    return union(shape.box for shape in shapes)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box with all the boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))
