"""The right angle of the one right triangle among five points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vtb.core.errors import VtbError
from vtb.core.rng import Rng

from .board import Board, Draft, Figure
from .geometry import direction, dot, unit
from .puzzle import Eyeballing
from .ranks import Ranks
from .shapes import Shape, polygon

Points: TypeAlias = NDArray[np.complex128]

ATTEMPTS = 300
MIN_APART = 0.16
LEGS = (0.24, 0.34)
# Further points lie on a lattice of so many places along the short side, this far around.
LATTICE, REACH = 40, 0.7
# Of a million random figures none had its right angle farthest from the centroid.
POSSIBLE_RANKS = 4
PAIRS, MAX_TRIED = 1000, 4
MIN_HYPOTENUSE = 0.34
# How far from a right angle all other triples are: |cos| of every angle.
MIN_COSINE = 0.28


class RightTriangle(Eyeballing):
    """At which point is the right angle of the only right triangle?"""

    name: ClassVar[str] = "eyeballing-right-triangle"
    task: ClassVar[str] = "right_triangle"
    group: ClassVar[str] = "shape"
    summary: ClassVar[str] = "find the right angle among five points"
    prompt_group: ClassVar[str] = "eyeballing_markers"
    fixed_options: ClassVar[int | None] = 5

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        # The ranks stay: giving up on rare ones would make the others tell.
        ranks = Ranks.draw(rng, board.options, POSSIBLE_RANKS)
        for _ in range(ATTEMPTS):
            corners = _corners(rng, board.side)
            for extra in _extra_points(rng, corners, ranks, board.side):
                placed = ranks.placed(rng, board, [*corners, *extra], 0)
                if placed is not None:
                    figure = {"corners": placed[:3], "others": placed[3:]}
                    return Draft(placed, [figure], answer=0)
        raise VtbError(f"no five points of `{self.task}` with ranks {ranks} were found")

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return []

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return polygon(figure["corners"])

    def residual(self, figure: Figure, point: complex) -> float:
        """The smallest |cos| of an angle at the point between two of the others."""
        others = [p for p in (*figure["corners"], *figure["others"]) if abs(p - point) > 1]
        return min(_cosine(point, a, b) for a, b in combinations(others, 2))

    def least_violation(self, board: Board) -> float:
        """A cosine, as the residual is."""
        return MIN_COSINE


def _corners(rng: Rng, side: float) -> list[complex]:
    """A right triangle with its right angle at 0."""
    first, second = 0.0, 0.0
    while not (
        LEGS[0] * side <= second <= LEGS[1] * side
        and abs(complex(first, second)) >= MIN_HYPOTENUSE * side
    ):
        first = side * rng.uniform(*LEGS)
        second = first * rng.uniform(0.8, 1.25)
    turn = direction(rng.uniform(0, math.tau))
    return [0j, first * turn, second * turn * 1j]


def _extra_points(
    rng: Rng, corners: Sequence[complex], ranks: Ranks, side: float
) -> list[list[complex]]:
    """A few pairs of further points that make no other right angle and give point 0 its rank.

    They are rare (one pair of random points in 300, and one in 10,000 of the rarest rank), so
    whole arrays are tried: places that suit the triangle first, then pairs of them.
    """
    offset = complex(rng.random(), rng.random()) * side / LATTICE
    axis = np.linspace(-REACH, REACH, round(2 * REACH * LATTICE)) * side
    places = np.asarray((axis[:, None] + 1j * axis[None]).ravel() + offset, np.complex128)
    fits = np.ones(places.shape, bool)
    for corner in corners:
        fits &= np.abs(places - corner) >= MIN_APART * side
    for a, b in combinations(corners, 2):
        fits &= _is_oblique(places, a, b)
    places = places[fits]
    if len(places) < 2:
        return []
    first = places[[rng.below(len(places)) for _ in range(PAIRS)]]
    second = np.roll(first, 1)
    fits = np.abs(first - second) >= MIN_APART * side
    for corner in corners:
        fits &= _is_oblique(first, second, corner)
    points = np.stack([np.broadcast_to(corner, PAIRS) for corner in corners] + [first, second])
    reach = np.abs(points - points.mean(axis=0))
    fits &= (reach < reach[0]).sum(axis=0) == ranks.in_cluster
    found = np.flatnonzero(fits)[:MAX_TRIED]
    return [[complex(first[i]), complex(second[i])] for i in found]


def _is_oblique(a: Points, b: Points | complex, c: Points | complex) -> NDArray[np.bool_]:
    """Whether no angle of the triangles a, b, c is near to a right one, (N,)."""
    oblique = np.ones(a.shape, bool)
    for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
        u, v = y - x, z - x
        dots = u.real * v.real + u.imag * v.imag
        oblique &= dots**2 >= MIN_COSINE**2 * (np.abs(u) * np.abs(v)) ** 2
    return oblique


def _cosine(corner: complex, a: complex, b: complex) -> float:
    return abs(dot(unit(a - corner), unit(b - corner)))
