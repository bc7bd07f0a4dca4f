"""Shapes with names, and sizes with names.

All shapes of one size look about equally large: no area is 1.4 times another.
"""

from __future__ import annotations

import math

from .figures import Disc, Figure, Point, Polygon, polar, regular_polygon

SHAPES = ("triangle", "square", "pentagon", "hexagon", "circle", "star", "cross", "heart")
# These look the same upside down.
UPRIGHT_SYMMETRIC = ("square", "hexagon", "circle", "cross")
SIZES = ("small", "medium", "large")

_CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6}
# The distance of the corners or the rim from the middle, in radii of the shape's size.
_REACH = {"triangle": 1.26, "square": 1.17, "pentagon": 1.08, "hexagon": 1.03, "circle": 0.94}
_STAR_REACH, _STAR_WAIST = 1.2, 0.62
_CROSS_REACH, _CROSS_ARM = 1.02, 0.4
_HEART_SCALE, _HEART_POINTS = 1 / 15, 48


def shape(
    name: str, x: float, y: float, radius: float, turn_deg: float = 0, *, mirrored: bool = False
) -> Figure:
    """A named shape around (x, y), turned, or upside down as in a level mirror."""
    if name == "circle":
        return Disc(x, y, _REACH[name] * radius)
    flip = -1 if mirrored else 1
    turn = math.radians(turn_deg)
    cos, sin = radius * math.cos(turn), radius * math.sin(turn)
    return Polygon(
        tuple(
            (x + cos * u - sin * flip * v, y + sin * u + cos * flip * v) for u, v in _outline(name)
        )
    )


def _outline(name: str) -> tuple[Point, ...]:
    """The corners of a shape of radius 1 around (0, 0)."""
    match name:
        case "star":
            reaches = (_STAR_REACH, _STAR_REACH * _STAR_WAIST)
            return tuple(polar(0, 0, reaches[i % 2], -90 + 36 * i) for i in range(10))
        case "cross":
            arm, reach = _CROSS_ARM, _CROSS_REACH
            quarter = ((-arm, -reach), (arm, -reach), (arm, -arm))
            return tuple(_quarter_turns(corner, k) for k in range(4) for corner in quarter)
        case "heart":
            return tuple(_heart(2 * math.pi * i / _HEART_POINTS) for i in range(_HEART_POINTS))
        case _:
            return regular_polygon(_CORNERS[name], 0, 0, _REACH[name]).points


def _quarter_turns(point: Point, num_turns: int) -> Point:
    x, y = point
    for _ in range(num_turns):
        x, y = -y, x
    return x, y


def _heart(angle: float) -> Point:
    """A point of a heart, by four harmonics of its height over a cubed sine."""
    x = 16 * math.sin(angle) ** 3
    y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle)
    return x * _HEART_SCALE, -(y - math.cos(4 * angle) + 2.5) * _HEART_SCALE
