"""The way of a ray among mirrors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import ClassVar, NamedTuple

import numpy as np

from vtb.core.rng import Rng

from .board import Board, Draft, Figure
from .drafting import is_possible
from .geometry import segment_distance, unit
from .mirrors import Mirror, Way, reflected, scattered, unfolded, way_distance
from .puzzle import Eyeballing
from .shapes import Box, Dot, Line, Shape

SOURCE_PX = 7
RAY_WIDTH = 0.6
MAX_SLOPE = 0.5
# How many rays to send among the same mirrors, and how many options to try on each.
RAYS, OPTION_TRIES = 384, 8
# As shares of the short side: the given piece of a ray, and the way to the first mirror or option.
GIVEN, START = 0.12, 0.16
# How far an option is off the ways of all other rays: the larger of a share of the short side, and
# a share of the gap that leaves room for rounding.
OFF, OFF_GAPS = 0.03, 0.95


class Course(NamedTuple):
    """The way of a ray, and the option on it."""

    way: Way
    option: complex


class Ray(Eyeballing):
    """Which point does the ray meet on its way among the mirrors?"""

    name: ClassVar[str] = "eyeballing-ray"
    task: ClassVar[str] = "ray"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "follow a ray among mirrors"
    # Options are drawn clear of mirrors, and to the right of everything else that is given.
    keeps_clear: ClassVar[bool] = False

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        # Mirrors and options lie where no ray begins.
        field = board.frame._replace(left=board.frame.left + START * board.side)
        mirrors = scattered(rng, board, field)
        courses = None if mirrors is None else _courses(rng, board, field, mirrors)
        if courses is None:
            return None
        figures: list[Figure] = []
        for course in courses:
            source, first = course.way[:2]
            end = source + GIVEN * board.side * unit(first - source)
            figures.append({"source": source, "ray_end": end, "mirrors": mirrors})
        draft = Draft([course.option for course in courses], figures)
        return draft if is_possible(self, draft, board) else None

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [*_given(figure, board), *(Line(*mirror) for mirror in figure["mirrors"])]

    def framed(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return _given(figure, board)  # mirrors are drawn within

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        _, *rest = _within(board, _followed(figure))
        return [Line(a, b, RAY_WIDTH) for a, b in pairwise([figure["ray_end"], *rest])]

    def residual(self, figure: Figure, point: complex) -> float:
        return way_distance(point, _followed(figure))

    def difficulty(
        self, figure: Figure, target: complex, board: Board, violation: float, gap: float
    ) -> Mapping[str, float]:
        """Also `n_reflections` on the whole way."""
        numbers = super().difficulty(figure, target, board, violation, gap)
        return {**numbers, "n_reflections": float(len(_followed(figure)) - 2)}


def _given(figure: Figure, board: Board) -> list[Shape]:
    """The source and the first piece of the ray."""
    source = figure["source"]
    piece = Line(source, figure["ray_end"], RAY_WIDTH)
    return [piece, Dot(source, board.px(SOURCE_PX), filled=True)]


def _followed(figure: Figure) -> Way:
    mirrors = tuple((a, b) for a, b in figure["mirrors"])
    return unfolded(mirrors, figure["source"], figure["ray_end"])


def _within(board: Board, way: Way) -> list[complex]:
    """A way that ends at the canvas's border."""
    last = way[-2]
    return [*way[:-1], board.canvas.leaving(last, way[-1] - last)]


def _courses(rng: Rng, board: Board, field: Box, mirrors: Sequence[Mirror]) -> list[Course] | None:
    """As many rays as options, all by one law; no option is near the way of another."""
    courses: list[Course] = []
    for way in _ways(rng, board, mirrors):
        option = _option(rng, board, field, mirrors, way, courses)
        if option is not None:
            courses.append(Course(way, option))
        if len(courses) == board.options:
            return courses
    return None


def _ways(rng: Rng, board: Board, mirrors: Sequence[Mirror]) -> list[list[complex]]:
    """The ways of rays from all along the left border in all directions, in random order.

    They are spread evenly: from a random start on, in steps of irrational numbers.
    """
    frame, edge = board.frame, board.px(SOURCE_PX + 1)
    first, second = (
        (rng.random() + np.arange(RAYS) * step) % 1 for step in (0.7548776662, 0.5698402909)
    )
    heights = frame.top + edge + first * (frame.bottom - frame.top - 2 * edge)
    slopes = MAX_SLOPE * (2 * second - 1)
    along = (1 + 1j * slopes) / np.hypot(1, slopes)
    ways = reflected(board, mirrors, frame.left + edge + 1j * heights, along)
    rng.shuffle(ways)
    return ways


def _option(
    rng: Rng,
    board: Board,
    field: Box,
    mirrors: Sequence[Mirror],
    way: Way,
    others: Sequence[Course],
) -> complex | None:
    """A point on the second half of a way, after two reflections; None where none is free."""
    least = max(OFF * board.side, OFF_GAPS * board.gap)
    if any(way_distance(other.option, way) < least for other in others):
        return None
    way = _within(board, way)
    ends = list(accumulate(abs(b - a) for a, b in pairwise(way)))
    for _ in range(OPTION_TRIES):
        place = rng.uniform(max(ends[-1] / 2, ends[1]), ends[-1])
        leg = next(leg for leg, end in enumerate(ends) if place <= end)
        point = way[leg + 1] - unit(way[leg + 1] - way[leg]) * (ends[leg] - place)
        if (
            field.has(point, board.point_radius)
            and all(way_distance(point, other.way) >= least for other in others)
            and all(segment_distance(point, *mirror) >= board.clearance for mirror in mirrors)
        ):
            return point
    return None
