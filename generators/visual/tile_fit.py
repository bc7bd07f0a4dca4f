"""Whether square tiles, turned as one likes, fit together in one way only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .disc_picture import NUM_TILES, TILES, DiscPicture, Floats, sampled_sides, sampled_tiles

POINTS = 12
# Mean differences, 0 to 1: sides that differ less seem to belong together; tiles, turned as one
# likes, differ by more. Of a tile's brightness: the standard deviation, at least.
MAX_MISMATCH = 0.06
MIN_UNLIKENESS = 0.06
MIN_CONTRAST = 0.05
# The top row is brighter than the bottom row by this, 0 to 1.
MIN_SLOPE = 0.15
TURNS = 4


def is_solvable(picture: DiscPicture) -> bool:
    """Whether a picture can be told from its tiles, in one way but for turning the whole.

    Every tile shows something, no two are alike, and tiles whose borders match throughout make
    the picture itself. Which of its four positions is meant, its bright top shows.
    """
    tiles = sampled_tiles(picture, POINTS)
    bright = tiles.mean(axis=3)
    rows = bright.reshape(TILES, -1).mean(axis=1)
    return (
        bool((bright.std(axis=(1, 2)) >= MIN_CONTRAST).all())
        and bool(rows[0] - rows[-1] >= MIN_SLOPE)
        and min_unlikeness(tiles) >= MIN_UNLIKENESS
        and count_assemblies(fitting_sides(sampled_sides(picture, POINTS)), TURNS + 1) == TURNS
    )


def min_unlikeness(tiles: Floats) -> float:
    """The smallest mean difference of two tiles (9, P, P, 3), or of a tile and itself, turned."""
    turned = np.concatenate([np.rot90(tiles, turns, (1, 2)) for turns in range(TURNS)])
    difference = np.abs(tiles[:, None] - turned[None]).mean(axis=(2, 3, 4))
    itself = np.arange(NUM_TILES)
    difference[itself, itself] = 1
    return float(difference.min())


def fitting_sides(sides: Floats) -> NDArray[np.bool_]:
    """Which two sides (of 36, four to a tile) seem to belong together."""
    mismatch = np.abs(sides[:, None] - sides[None, :, ::-1]).mean(axis=(2, 3))
    return mismatch < MAX_MISMATCH


def count_assemblies(fits: NDArray[np.bool_], limit: int) -> int:
    """In how many ways the tiles can be laid, turned, in 3 x 3 places so that all borders fit.

    Counts up to `limit`. A tile turned by k quarters clockwise has its side (d - k) mod 4 in
    direction d, 0 being up and 1 right.
    """
    partners = [np.flatnonzero(row).tolist() for row in fits]
    laid: list[tuple[int, int]] = []

    def count(found: int) -> int:
        if len(laid) == NUM_TILES:
            return found + 1
        for tile, turns in _candidates(partners, laid):
            if found < limit and all(tile != other for other, _ in laid):
                laid.append((tile, turns))
                found = count(found)
                laid.pop()
        return found

    return count(0)


def _candidates(
    partners: Sequence[Sequence[int]], laid: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Tiles and their turns that fit the ones above and on the left of the next place."""
    place = len(laid)
    choices: list[tuple[int, int]] | None = None
    if place % TILES:
        choices = _facing(partners, laid[-1], 1)
    if place >= TILES:
        below = _facing(partners, laid[-TILES], 2)
        choices = below if choices is None else [choice for choice in choices if choice in below]
    if choices is None:
        return [(tile, turns) for tile in range(NUM_TILES) for turns in range(TURNS)]
    return choices


def _facing(
    partners: Sequence[Sequence[int]], neighbour: tuple[int, int], direction: int
) -> list[tuple[int, int]]:
    """Tiles and their turns that fit a laid one in a direction."""
    tile, turns = neighbour
    side = TURNS * tile + (direction - turns) % TURNS
    opposite = direction + 2
    return [(other // TURNS, (opposite - other % TURNS) % TURNS) for other in partners[side]]
