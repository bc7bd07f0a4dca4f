"""Abstract pictures of overlapping discs, as geometry.

Lengths are thousandths of the picture's side, x to the right, y downwards. A picture is cut into
3 x 3 tiles, numbered in reading order from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vtb.core.rng import Rng

Floats: TypeAlias = "NDArray[np.floating[Any]]"

SIDE, TILES = 1000, 3
NUM_TILES = TILES * TILES
COLOURS: Sequence[tuple[int, int, int]] = (
    (231, 86, 76),
    (247, 181, 56),
    (253, 236, 200),
    (60, 150, 112),
    (34, 82, 130),
    (126, 84, 172),
    (92, 190, 200),
)
# The picture is mixed with white towards its top edge and with a dark blue towards its bottom
# edge, up to this share, which tells its four turned positions apart.
LIGHT, DARK, MAX_MIX = (255, 255, 255), (12, 18, 40), 0.42
# A few large discs, then one over the middle of each border of tiles, give or take the jitter.
NUM_LARGE, LARGE_RADII, RADII, JITTER = 4, (260, 440), (80, 180), 90


class Disc(NamedTuple):
    """A disc that covers what was drawn before; `colour` is a place in `COLOURS`."""

    x: int
    y: int
    radius: int
    colour: int


class DiscPicture(NamedTuple):
    """A ground colour and discs in the order they are drawn."""

    ground: int
    discs: Sequence[Disc]

    def flipped(self) -> DiscPicture:
        """The picture mirrored left to right."""
        return DiscPicture(self.ground, [disc._replace(x=SIDE - disc.x) for disc in self.discs])


def draw_discs(rng: Rng) -> DiscPicture:
    """A random picture; no disc has the colour of the one before."""
    borders = _borders()
    rng.shuffle(borders)
    spots = [(rng.below(SIDE + 1), rng.below(SIDE + 1)) for _ in range(NUM_LARGE)]
    spots += [(_near(rng, x), _near(rng, y)) for x, y in borders]
    ground = colour = rng.below(len(COLOURS))
    discs: list[Disc] = []
    for place, (x, y) in enumerate(spots):
        low, high = LARGE_RADII if place < NUM_LARGE else RADII
        colour = (colour + 1 + rng.below(len(COLOURS) - 1)) % len(COLOURS)
        discs.append(Disc(x, y, low + rng.below(high - low + 1), colour))
    return DiscPicture(ground, discs)


def colours_at(picture: DiscPicture, x: Floats, y: Floats) -> Floats:
    """The colours of points (one shape for x and y), 0 to 1 in a last axis of R, G, B."""
    colour = np.full(x.shape, picture.ground)
    for disc in picture.discs:
        colour[(x - disc.x) ** 2 + (y - disc.y) ** 2 <= disc.radius**2] = disc.colour
    factor, added = shading(y.ravel() / SIDE)
    shaded = np.array(COLOURS, float)[colour.ravel()] * factor + added
    return shaded.reshape(*colour.shape, 3) / 255


def shading(heights: Floats) -> tuple[Floats, Floats]:
    """What colours (N, 3) are multiplied with and what is added, by height from 0 at the top."""
    share = (1 - 2 * heights)[:, None]
    mix = MAX_MIX * np.abs(share)
    return 1 - mix, mix * np.where(share > 0, np.array(LIGHT, float), np.array(DARK, float))


def sampled_tiles(picture: DiscPicture, points: int) -> Floats:
    """Every tile, (9, points, points, 3), sampled in the middle of equal squares."""
    along = (np.arange(TILES * points) + 0.5) * (SIDE / (TILES * points))
    whole = colours_at(picture, *np.meshgrid(along, along))
    rows = whole.reshape(TILES, points, TILES, points, 3)
    return rows.transpose(0, 2, 1, 3, 4).reshape(NUM_TILES, points, points, 3)


def sampled_sides(picture: DiscPicture, points: int) -> Floats:
    """The four sides of every tile, clockwise from the top and each clockwise: (36, points, 3)."""
    tile = SIDE / TILES
    along, zero = (np.arange(points) + 0.5) * (tile / points), np.zeros(points)
    corners = [(col * tile, row * tile) for row in range(TILES) for col in range(TILES)]
    sides = ((along, zero), (tile + zero, along), (along[::-1], tile + zero), (zero, along[::-1]))
    x = np.array([left + dx for left, _ in corners for dx, _ in sides])
    y = np.array([top + dy for _, top in corners for _, dy in sides])
    return colours_at(picture, x, y)


def _near(rng: Rng, middle: int) -> int:
    return middle - JITTER + rng.below(2 * JITTER + 1)


def _borders() -> list[tuple[int, int]]:
    """The middles of the borders between two tiles."""
    lines = [SIDE * line // TILES for line in range(1, TILES)]
    middles = [SIDE * (2 * tile + 1) // (2 * TILES) for tile in range(TILES)]
    upright = [(line, middle) for line in lines for middle in middles]
    return upright + [(y, x) for x, y in upright]
