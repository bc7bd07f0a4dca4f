"""Plane geometry on complex numbers: x + yj in px, y downwards.

Angles are radians from the positive x axis towards y, clockwise as seen.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence


def direction(angle_rad: float) -> complex:
    """The unit vector at an angle."""
    return cmath.rect(1, angle_rad)


def unit(vector: complex) -> complex:
    """The vector at length 1."""
    return vector / abs(vector)


def dot(a: complex, b: complex) -> float:
    """The scalar product of two vectors."""
    return a.real * b.real + a.imag * b.imag


def cross(a: complex, b: complex) -> float:
    """The signed area that two vectors span."""
    return a.real * b.imag - a.imag * b.real


def foot(point: complex, a: complex, b: complex) -> complex:
    """The foot of the perpendicular from a point to the line through a and b."""
    return a + (b - a) * (dot(point - a, b - a) / abs(b - a) ** 2)


def reflect(point: complex, a: complex, b: complex) -> complex:
    """The mirror image of a point in the line through a and b."""
    return 2 * foot(point, a, b) - point


def line_distance(point: complex, a: complex, b: complex) -> float:
    """The distance of a point from the line through a and b."""
    return abs(cross(b - a, point - a)) / abs(b - a)


def segment_distance(point: complex, a: complex, b: complex) -> float:
    """The distance of a point from the segment between a and b."""
    share = ((point - a) / (b - a)).real
    return abs(point - (a if share <= 0 else b if share >= 1 else a + share * (b - a)))


def segments_distance(a: complex, b: complex, c: complex, d: complex) -> float:
    """The distance between the segments from a to b and from c to d; 0 where they cross."""
    shares = crossing(a, b, c, d)
    if shares and min(shares) >= 0 and max(shares) <= 1:
        return 0.0
    return min(
        segment_distance(a, c, d),
        segment_distance(b, c, d),
        segment_distance(c, a, b),
        segment_distance(d, a, b),
    )


def intersection(a: complex, b: complex, c: complex, d: complex) -> complex:
    """Where the lines through a, b and through c, d meet; they must not be parallel."""
    return a + (b - a) * (cross(c - a, d - c) / cross(b - a, d - c))


def crossing(a: complex, b: complex, c: complex, d: complex) -> tuple[float, float] | None:
    """Where the lines through a, b and through c, d meet, as shares of the ways from a and from c.

    None when they are parallel.
    """
    first, second = b - a, d - c
    area = cross(first, second)
    return (cross(c - a, second) / area, cross(c - a, first) / area) if area else None


def circumcentre(a: complex, b: complex, c: complex) -> complex:
    """The point equally far from three points, by the perpendicular bisectors of two sides."""
    m, n = (a + b) / 2, (a + c) / 2
    return intersection(m, m + (b - a) * 1j, n, n + (c - a) * 1j)


def side_lengths(corners: Sequence[complex]) -> list[float]:
    """The lengths of a closed polygon's sides, the first between corners 0 and 1."""
    return [abs(b - a) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)]


def triangle_area(corners: Sequence[complex]) -> float:
    """The area of a triangle."""
    a, b, c = corners
    return abs(cross(b - a, c - a)) / 2


def triangle_angles_deg(corners: Sequence[complex]) -> list[float]:
    """The inner angles of a triangle in degrees, in the order of its corners."""
    a, b, c = corners
    return [
        math.degrees(abs(cmath.phase((y - x) / (z - x))))
        for x, y, z in ((a, b, c), (b, c, a), (c, a, b))
    ]


def signed_turn(a: complex, b: complex) -> float:
    """The angle in radians, in (-pi, pi], by which vector a turns into the direction of b."""
    return cmath.phase(b / a)
