"""Mirrors in a field, and the ways of rays among them.

A way is the corners of a ray from its source on, the last of them far away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vtb.core.rng import Rng

from .board import Board
from .geometry import crossing, direction, reflect, segment_distance, segments_distance, unit
from .shapes import Box

MIRRORS = 12
TRIES = 60  # for each mirror
REFLECTIONS = (2, 6)
# As shares of the short side: the length of a mirror, and what is between two at least; between
# two reflections of a ray; and from the end of a mirror to any ray.
MIRROR, APART, LEG, END = (0.14, 0.22), 0.05, 0.06, 0.015
# No ray grazes a mirror: the least sine of the angle between them.
MIN_SINE = 0.35
# Farther than any canvas reaches.
FAR_PX = 10_000
# A ray does not hit the mirror it comes from: the least way, in px or in legs.
LEAST_WAY = 1e-6

Mirror: TypeAlias = Sequence[complex]
Way: TypeAlias = Sequence[complex]
Points: TypeAlias = NDArray[np.complexfloating[Any, Any]]


def scattered(rng: Rng, board: Board, field: Box) -> list[Mirror] | None:
    """Twelve mirrors anywhere in the field, apart from each other; None where they ran into it."""
    mirrors: list[Mirror] = []
    for _ in range(MIRRORS * TRIES):
        a = complex(rng.uniform(field.left, field.right), rng.uniform(field.top, field.bottom))
        b = a + board.side * rng.uniform(*MIRROR) * direction(rng.uniform(0, math.tau))
        if field.has(b) and all(
            _are_apart([a, b], mirror, APART * board.side) for mirror in mirrors
        ):
            mirrors.append([a, b])
            if len(mirrors) == MIRRORS:
                return mirrors
    return None


def reflected(
    board: Board, mirrors: Sequence[Mirror], sources: Points, along: Points
) -> list[list[complex]]:
    """The ways of many rays by the law of reflection, without those that no eye could follow.

    `along` holds unit vectors.
    """
    first, last = np.array(mirrors).T
    lengths = abs(last - first)
    turns, end = (last - first) / lengths, END * board.side
    ways, done = sources[:, None], list[list[complex]]()
    for reflections in range(REFLECTIONS[1] + 1):
        # Where the rays, as lines, meet all the mirrors: px on the ray and on the mirror.
        sines = _cross(along[:, None], turns)
        distances = _cross(first - ways[:, -1:], turns) / sines
        places = _cross(first - ways[:, -1:], along[:, None]) / sines
        is_hit = (distances > LEAST_WAY) & (places >= -end) & (places <= lengths + end)
        distances = np.where(is_hit, distances, FAR_PX)
        nearest = np.arange(len(ways)), distances.argmin(axis=1)
        distance, place, mirror = distances[nearest], places[nearest], nearest[1]
        ways = np.hstack([ways, (ways[:, -1] + distance * along)[:, None]])
        if reflections >= REFLECTIONS[0]:
            done += ways[distance == FAR_PX].tolist()
        is_plain = (
            (distance < FAR_PX)
            & (distance >= LEG * board.side)
            & (place >= end)
            & (place <= lengths[mirror] - end)
            & (abs(sines[nearest]) >= MIN_SINE)
        )
        ways, turn = ways[is_plain], turns[mirror[is_plain]]
        along = turn**2 * along[is_plain].conj()
        if ways.size == 0:
            break
    return done


@lru_cache(maxsize=1)  # every option of a puzzle asks for the same way
def unfolded(mirrors: Sequence[Mirror], source: complex, ahead: complex) -> Way:
    """The way of a ray from a source towards a point: behind a mirror it goes on, mirrored.

    Mirrors must be tuples.
    """
    corners = [source]
    for _ in range(REFLECTIONS[1]):
        start = corners[-1]
        hits: list[tuple[float, Mirror]] = []
        for mirror in mirrors:
            shares = crossing(start, ahead, *mirror)
            if shares and shares[0] > LEAST_WAY and 0 <= shares[1] <= 1:
                hits.append((shares[0], mirror))
        if not hits:
            break
        share, mirror = min(hits, key=lambda hit: hit[0])
        corners.append(start + (ahead - start) * share)
        ahead = reflect(2 * corners[-1] - start, *mirror)
    return (*corners, corners[-1] + unit(ahead - corners[-1]) * FAR_PX)


def way_distance(point: complex, way: Way) -> float:
    """How far a point is from a way, px."""
    return min(segment_distance(point, a, b) for a, b in pairwise(way))


def _are_apart(first: Mirror, second: Mirror, least: float) -> bool:
    """Whether two mirrors are at least so far apart; most are, as their middles tell."""
    (a, b), (c, d) = first, second
    between = abs(a + b - c - d) - abs(b - a) - abs(d - c)
    return between >= 2 * least or segments_distance(a, b, c, d) >= least


def _cross(a: Points, b: Points) -> NDArray[np.floating[Any]]:
    return (a.conj() * b).imag
