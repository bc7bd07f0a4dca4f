"""Antialiased drawing on arrays of pixels.

Coordinates are px as floats, x to the right and y downwards; pixel (0, 0) covers [0, 1) x [0, 1),
so its centre is (0.5, 0.5). Angles are degrees, clockwise as seen, from the positive x axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array

from .fonts import font

Point: TypeAlias = tuple[float, float]
Colour: TypeAlias = int | tuple[int, int, int]

# OpenCV takes coordinates in sixteenths of a pixel, counted from the centre of pixel (0, 0).
_SHIFT = 4
_UNIT = 1 << _SHIFT
# What its antialiasing adds, measured: discs are wider by half a pixel on each side, strokes of
# thickness 1, 2, 3, 5, 7, 9 … are 1.3, 3.3, 5.3, 7.3, 9.3, 11.3 … px wide, even ones no wider.
_DISC_RIM_PX = 0.55


class Canvas:
    """Draws on `pixels`: uint8, grey (H, W) with ints as colours or RGB (H, W, 3) with triples.

    Nothing is copied; whatever reaches beyond the picture is cut off. Strokes are drawn at the
    nearest of 1.3, 3.3, 5.3, 7.3 … px to their width, polygons half a pixel wider on each side.
    """

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels

    @classmethod
    def blank(cls, height: int, width: int, colour: Colour) -> Canvas:
        """A canvas of one colour, grey or RGB by the kind of colour."""
        if isinstance(colour, int):
            return cls(np.full((height, width), colour, np.uint8))
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = np.full((width, 3), colour, np.uint8)  # ten times faster row by row
        return cls(pixels)

    def line(self, a: Point, b: Point, width_px: float, colour: Colour) -> None:
        """A straight stroke with round ends."""
        cv2.line(
            self.pixels, _fixed(a), _fixed(b), colour, _thickness(width_px), cv2.LINE_AA, _SHIFT
        )

    def polyline(
        self, points: Iterable[Point], width_px: float, colour: Colour, *, closed: bool = False
    ) -> None:
        """Straight strokes from point to point with round joints."""
        corners = [_fixed_array(points)]
        cv2.polylines(
            self.pixels, corners, closed, colour, _thickness(width_px), cv2.LINE_AA, _SHIFT
        )

    def polygon(self, points: Iterable[Point], colour: Colour) -> None:
        """A filled polygon."""
        cv2.fillPoly(self.pixels, [_fixed_array(points)], colour, cv2.LINE_AA, _SHIFT)

    def disc(self, centre: Point, radius_px: float, colour: Colour) -> None:
        """A filled circle."""
        radius = max(0, round((radius_px - _DISC_RIM_PX) * _UNIT))
        cv2.circle(self.pixels, _fixed(centre), radius, colour, -1, cv2.LINE_AA, _SHIFT)

    def circle(self, centre: Point, radius_px: float, width_px: float, colour: Colour) -> None:
        """A circle's outline; half of its width lies on each side of the radius."""
        radius, thickness = round(radius_px * _UNIT), _thickness(width_px)
        cv2.circle(self.pixels, _fixed(centre), radius, colour, thickness, cv2.LINE_AA, _SHIFT)

    def arc(
        self,
        centre: Point,
        radius_px: float,
        start_deg: float,
        sweep_deg: float,
        width_px: float,
        colour: Colour,
    ) -> None:
        """A piece of a circle; a negative sweep runs counter-clockwise."""
        self.polyline(arc_points(centre, radius_px, start_deg, sweep_deg), width_px, colour)

    def text(self, centre: Point, text: str, size_px: float, colour: Colour) -> None:
        """Text in the shipped font (printable ASCII), its middle on the nearest whole pixel.

        `size_px` is the em; capitals are 0.73 of it high.
        """
        mask = _glyphs(text, size_px)
        height, width = mask.shape
        left, top = round(centre[0] - width / 2), round(centre[1] - height / 2)
        rows = slice(max(0, top), max(0, top + height))
        columns = slice(max(0, left), max(0, left + width))
        part = self.pixels[rows, columns].astype(np.float32)
        y, x = max(0, -top), max(0, -left)
        share = mask[y : y + part.shape[0], x : x + part.shape[1]]
        share = share if part.ndim == 2 else share[..., None]
        ink = np.asarray(colour, np.float32)
        self.pixels[rows, columns] = np.rint(part + share * (ink - part)).astype(np.uint8)


def arc_points(
    centre: Point, radius_px: float, start_deg: float, sweep_deg: float
) -> Sequence[Point]:
    """Points on an arc, both ends included, so dense that it is nowhere 0.1 px off."""
    pieces = 8
    if radius_px > 1:  # the sagitta of a chord is r (1 - cos(step / 2))
        step_deg = math.degrees(2 * math.acos(1 - 0.1 / radius_px))
        pieces = max(8, math.ceil(abs(sweep_deg) / step_deg))
    angles = [math.radians(start_deg + sweep_deg * i / pieces) for i in range(pieces + 1)]
    x, y = centre
    return [(x + radius_px * math.cos(a), y + radius_px * math.sin(a)) for a in angles]


@lru_cache(maxsize=1024)
def _glyphs(text: str, size_px: float) -> NDArray[np.float32]:
    """The coverage of a text's pixels, float32 (H, W) in [0, 1], cut to its ink."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = (int(side) for side in font(size_px).getbbox(text, anchor="ls"))
    mask = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(mask).text((-left, -top), text, fill=255, font=font(size_px), anchor="ls")
    return np.asarray(mask, np.float32) * np.float32(1 / 255)


def _thickness(width_px: float) -> int:
    step = max(0, round((width_px - 1.3) / 2))
    return step + 1 if step < 2 else 2 * step - 1


def _fixed(point: Point) -> tuple[int, int]:
    return round((point[0] - 0.5) * _UNIT), round((point[1] - 0.5) * _UNIT)


def _fixed_array(points: Iterable[Point]) -> NDArray[np.int32]:
    return np.rint((np.array(list(points)) - 0.5) * _UNIT).astype(np.int32)
