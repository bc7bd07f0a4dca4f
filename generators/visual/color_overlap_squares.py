"""Three overlapping squares in primary colours; where two overlap, their colours mix."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose
from .figures import Piece, Point, Polygon, bounds, polar, question, with_fill
from .palette import PRIMARIES, mixture
from .pattern import Deal, Pattern, PatternPuzzle

# The figure reaches this far from the middle of the canvas, if its squares are not too large then.
REACH, MAX_SIDE = 0.44, 0.36
# How far an outer square is shifted from the middle one, in sides, to a side or to a corner of it.
SIDE_SHIFT, CORNER_SHIFT = 0.68, 0.6
MARK_SIZE = 0.38
MAX_TILT_DEG = 45
NUM_DIRECTIONS = 8


class ColorOverlapSquares(PatternPuzzle):
    """Which colour has the hidden outer square?

    `squares` are the colours of the hidden, the middle and the other outer square, which may be
    alike; `directions` say where the outer ones lie, in eighths of a turn from the right, and
    `overlaps` the colours of their overlaps with the middle one.
    """

    name: ClassVar[str] = "visual-color-overlap-squares"
    task: ClassVar[str] = "color_overlap_squares"
    summary: ClassVar[str] = "name the colour of a square from what it mixes to"
    num_options: ClassVar[int] = len(PRIMARIES)

    def deal(self, rng: Rng) -> Deal:
        # Primaries alone: a mixed colour could never be right, and would be struck out at once.
        options, answer = choose(rng, PRIMARIES, self.num_options)
        middle = rng.choice([colour for colour in PRIMARIES if colour != answer])
        other = rng.choice([colour for colour in PRIMARIES if colour != middle])
        pattern = {
            "squares": [answer, middle, other],
            "directions": list(rng.choice(arrangements())),
            "overlaps": [mixture(answer, middle), mixture(other, middle)],
        }
        return Deal(pattern, options, answer, rng.uniform(-MAX_TILT_DEG, 0))

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern, layout = data["pattern"], _Layout(data)
        hidden, middle, other = (
            Piece(layout.square(shift), colour)
            for shift, colour in zip(layout.shifts, pattern["squares"], strict=True)
        )
        overlaps = [
            Piece(layout.overlap(shift), colour)
            for shift, colour in zip(layout.shifts[::2], pattern["overlaps"], strict=True)
        ]
        mark = question(*layout.mark, MARK_SIZE * layout.side)
        return with_fill([hidden, other, middle, *overlaps], 0, fill, mark)

    def completes(self, pattern: Pattern, option: str) -> bool:
        middle = pattern["squares"][1]
        is_primary = option in PRIMARIES and option != middle
        return is_primary and mixture(option, middle) == pattern["overlaps"][0]

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        for sense, turn in product((1, -1), range(0, NUM_DIRECTIONS, 2)):
            directions = [(sense * d + turn) % NUM_DIRECTIONS for d in pattern["directions"]]
            yield {**pattern, "directions": directions}

    def num_patterns(self) -> int:
        return len(PRIMARIES) * 2 * 2 * len(arrangements())


class _Layout:
    """Where the hidden, the middle and the other square lie, the whole figure in the middle."""

    def __init__(self, data: Mapping[str, Json]) -> None:
        hidden, other = data["pattern"]["directions"]
        self.shifts = [_shift(hidden), (0.0, 0.0), _shift(other)]
        self._turn = cmath.rect(1, math.radians(data["tilt_deg"]))
        xs, ys = zip(*self.shifts, strict=True)
        self._origin = -complex(min(xs) + max(xs), min(ys) + max(ys)) / 2
        reach = max(max(map(abs, bounds([self.square(shift)]))) for shift in self.shifts)
        self.side = min(MAX_SIDE, REACH / reach)
        self._turn *= self.side

    def square(self, shift: Point) -> Polygon:
        x, y = shift
        return self._rectangle((x - 0.5, x + 0.5), (y - 0.5, y + 0.5))

    def overlap(self, shift: Point) -> Polygon:
        """What an outer square shares with the middle one."""
        return self._rectangle(*((max(0, d) - 0.5, min(0, d) + 0.5) for d in shift))

    @property
    def mark(self) -> Point:
        """The middle of what is to be seen of the hidden square."""
        x, y = self.shifts[0]
        return self._point(1.2 * x, 1.2 * y)

    def _rectangle(self, xs: Point, ys: Point) -> Polygon:
        corners = ((xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1]))
        return Polygon(tuple(self._point(*corner) for corner in corners))

    def _point(self, x: float, y: float) -> Point:
        point = (complex(x, y) + self._origin) * self._turn
        return point.real, point.imag


def arrangements() -> list[tuple[int, int]]:
    """Where two outer squares can lie without touching each other."""
    directions = range(NUM_DIRECTIONS)
    return [(one, other) for one, other in product(directions, directions) if _apart(one, other)]


def _apart(one: int, other: int) -> bool:
    (x, y), (other_x, other_y) = _shift(one), _shift(other)
    return max(abs(x - other_x), abs(y - other_y)) > 1


def _shift(direction: int) -> Point:
    """From the middle square to an outer one, in sides."""
    length = CORNER_SHIFT if direction % 2 else SIDE_SHIFT
    x, y = polar(0, 0, 1, 45 * direction)
    return round(x) * length, round(y) * length
