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
Squares: TypeAlias = NDArray[np.float64]

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
    least = (MIN_APART * side) ** 2
    squares = _squared(places - np.array(corners)[:, None])
    fits = (squares >= least).all(axis=0)
    for i, j in combinations(range(len(corners)), 2):
        fits &= _is_oblique(squares[i], squares[j], abs(corners[i] - corners[j]) ** 2)
    places, squares = places[fits], squares[:, fits]
    if len(places) < 2:
        return []
    first = (np.array([rng.random() for _ in range(PAIRS)]) * len(places)).astype(int)
    second = np.roll(first, 1)
    apart = _squared(places[first] - places[second])
    fits = apart >= least
    for from_corner in squares:
        fits &= _is_oblique(from_corner[first], from_corner[second], apart)
    pairs = places[np.stack((first[fits], second[fits]))]
    centroids = (sum(corners) + pairs.sum(axis=0)) / 5
    reach = [_squared(point - centroids) for point in (*corners, *pairs)]
    nearer = np.sum([other < reach[0] for other in reach], axis=0)
    found = pairs[:, nearer == ranks.in_cluster].T[:MAX_TRIED]
    return [list(pair) for pair in found.tolist()]


def _squared(vectors: Points) -> Squares:
    """Squared lengths."""
    return np.asarray(vectors.real**2 + vectors.imag**2)


def _is_oblique(a: Squares, b: Squares, c: Squares | float) -> NDArray[np.bool_]:
    """Whether no angle of the triangles with these squared sides is near to a right one, (N,)."""
    oblique = np.ones(a.shape, bool)
    for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
        # By the law of cosines.
        oblique &= (x + y - z) ** 2 >= 4 * MIN_COSINE**2 * x * y
    return oblique


def _cosine(corner: complex, a: complex, b: complex) -> float:
    return abs(dot(unit(a - corner), unit(b - corner)))
