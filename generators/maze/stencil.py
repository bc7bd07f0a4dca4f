"""What the mazes of one layout have in common as a picture, ready to be drawn upon.

Imports OpenCV, so only drawing and verifying import this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array

from .cell_layout import Labels, Point

# OpenCV takes corners in sixteenths of a pixel, counted from the centre of pixel (0, 0).
_SHIFT = 4
# It draws polygons this much larger on each side.
RIM_PX = 0.5


class Ink(IntEnum):
    """Where colours lie on the scale of palette indices.

    Antialiased drawing mixes neighbours on this scale, and the steps between them are their
    mixtures: walls and background lie beside corridors, and paths on corridors only.
    """

    BACKGROUND = 0
    WALL = 1
    CORRIDOR = 5
    PATH = 9


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """`floor` is, as `Ink` uint8 (H, W), what every maze of a layout shows.

    An edge that is closed is drawn as its polygon in `walls`, one that is open as that in
    `openings`, where it has one; polygons are from `polygon`.
    """

    floor: Array
    walls: Mapping[int, Labels]
    openings: Mapping[int, Labels]

    def draw(self, is_open: NDArray[np.bool_]) -> Array:
        """The maze in which these edges (E,) are open, as `Ink` uint8 (H, W)."""
        pixels = self.floor.copy()
        for edge in np.flatnonzero(~is_open).tolist():
            if edge in self.walls:
                fill(pixels, self.walls[edge], Ink.WALL)
        for edge in np.flatnonzero(is_open).tolist():
            if edge in self.openings:
                fill(pixels, self.openings[edge], Ink.CORRIDOR)
        return pixels


def polygon(points: Iterable[Point]) -> Labels:
    """Corners in px as `fill` takes them, (N, 2)."""
    return np.rint((np.array(list(points)) - 0.5) * 2**_SHIFT).astype(np.int32)


def bar(a: Point, b: Point, width_px: float, overhang_px: float) -> Labels:
    """A straight stroke with square ends that reach beyond its two points, as a polygon."""
    start, end = np.array(a), np.array(b)
    along = (end - start) / np.hypot(*(end - start))
    half = width_px / 2 - RIM_PX
    across = along[::-1] * (-half, half)
    start, end = start - (overhang_px - RIM_PX) * along, end + (overhang_px - RIM_PX) * along
    return polygon([start + across, end + across, end - across, start - across])


def fill(pixels: Array, corners: Labels, ink: int) -> None:
    """Fills a convex polygon."""
    cv2.fillConvexPoly(pixels, corners, ink, cv2.LINE_AA, _SHIFT)
