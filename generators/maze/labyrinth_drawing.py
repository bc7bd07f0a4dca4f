"""The picture of a labyrinth without its passages."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vtb.core.types import Array

from .cell_layout import Labels
from .labyrinth_board import labyrinth_board
from .labyrinth_layout import LabyrinthLayout
from .stencil import Ink, Stencil, bar

MIN_HALF_OPENING, HALF_OPENING_WALLS = 4, 1.5


@lru_cache(maxsize=16)
def labyrinth_stencil(layout: LabyrinthLayout) -> Stencil:
    """Light rings in a dark disc.

    Between segments closed edges are walls, between rings open ones are openings.
    """
    walls: dict[int, Labels] = {}
    openings: dict[int, Labels] = {}
    for number, (a, b) in enumerate(labyrinth_board(layout.rings, layout.segments).edges):
        (ring, segment), (other, last) = layout.place(a), layout.place(b)
        if ring == other:
            walls[number] = _wall(layout, ring, last if last == segment + 1 else 0)
        else:
            openings[number] = _opening(layout, other, last)
    return Stencil(_rings(layout), walls, openings)


def _rings(layout: LabyrinthLayout) -> Array:
    """The light rings and the centre; circles of OpenCV are not smooth enough for them."""
    x = np.arange(layout.width) + 0.5 - layout.width / 2
    y = np.arange(layout.height)[:, None] + 0.5 - layout.height / 2
    distance = np.hypot(x, y)
    light = np.zeros_like(distance)
    for ring in range(layout.rings + 1):
        inner = layout.inner_radius(ring)
        outside = np.clip(distance - inner + 0.5, 0, 1) if ring else 1.0
        light += outside * np.clip(inner + layout.corridor - distance + 0.5, 0, 1)
    pixels = np.rint(Ink.WALL + (Ink.CORRIDOR - Ink.WALL) * light).astype(np.uint8)
    pixels[distance > layout.inner_radius(layout.rings) + layout.cell] = Ink.BACKGROUND
    return pixels


def _wall(layout: LabyrinthLayout, ring: int, segment: int) -> Labels:
    """The wall at the beginning of a segment."""
    inner, angle = layout.inner_radius(ring), layout.angle(segment)
    ends = layout.at(inner, angle), layout.at(inner + layout.corridor, angle)
    return bar(*ends, layout.wall, layout.wall / 2)


def _opening(layout: LabyrinthLayout, ring: int, segment: int) -> Labels:
    """The opening in the middle of a segment towards the ring inside."""
    angle = layout.angle(segment + 0.5)
    middle = layout.inner_radius(ring) - layout.wall
    half = max(MIN_HALF_OPENING, HALF_OPENING_WALLS * layout.wall)
    ends = layout.at(middle - half, angle), layout.at(middle + half, angle)
    return bar(*ends, layout.opening_px, 0)
