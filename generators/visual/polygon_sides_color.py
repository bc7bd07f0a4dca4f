"""Six polygons in a triangle, in pairs with as many corners and one colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose_in_order, drawn
from .figures import Piece, Point, question, regular_polygon, with_fill
from .palette import COLOURS, can_stand_together, pattern_colours
from .pattern import Deal, Pattern, PatternPuzzle

SIDES = (3, 4, 5, 6, 7, 8, 9)
NUM_PAIRS = 3
# The places by their distances from the three sides of the triangle, row by row from its tip.
PLACES = ((2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1), (0, 0, 2))
PITCH = 0.29
RADIUS = 0.128
MARK_SIZE = 0.11


class PolygonSidesColor(PatternPuzzle):
    """Which colour has the hidden polygon? The options are always listed in the same order."""

    name: ClassVar[str] = "visual-polygon-sides-color"
    task: ClassVar[str] = "polygon_sides_color"
    summary: ClassVar[str] = "name the colour of a polygon from its number of sides"

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose_in_order(rng, COLOURS, self.num_options)
        pairs = drawn(rng, [0, 0, 1, 1, 2, 2])
        hidden = rng.below(len(PLACES))
        colours = pattern_colours(rng, options, answer, NUM_PAIRS)
        # The first colour is the answer, and goes to the pair of the hidden polygon.
        colours[0], colours[pairs[hidden]] = colours[pairs[hidden]], colours[0]
        sides = drawn(rng, SIDES)
        pattern = {
            "sides": [sides[pair] for pair in pairs],
            "colours": [colours[pair] for pair in pairs],
            "hidden": hidden,
        }
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        pieces = [
            Piece(regular_polygon(sides, *_centre(place), RADIUS), colour)
            for sides, place, colour in zip(
                pattern["sides"], PLACES, pattern["colours"], strict=True
            )
        ]
        mark = question(*_centre(PLACES[pattern["hidden"]]), MARK_SIZE)
        return with_fill(pieces, pattern["hidden"], fill, mark)

    def completes(self, pattern: Pattern, option: str) -> bool:
        sides, colours, hidden = pattern["sides"], pattern["colours"], pattern["hidden"]
        twins = [i for i, n in enumerate(sides) if n == sides[hidden] and i != hidden]
        return [colours[twin] for twin in twins] == [option]

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        for order in permutations(range(3)):
            image = [PLACES.index(tuple(place[i] for i in order)) for place in PLACES]
            yield {
                "sides": [pattern["sides"][i] for i in image],
                "colours": [pattern["colours"][i] for i in image],
                "hidden": image.index(pattern["hidden"]),
            }

    def num_patterns(self) -> int:
        triples = [t for t in permutations(COLOURS, NUM_PAIRS) if can_stand_together(t)]
        arrangements = math.factorial(len(PLACES)) // 2**NUM_PAIRS
        return math.comb(len(SIDES), NUM_PAIRS) * len(triples) * arrangements * len(PLACES)


def _centre(place: tuple[int, int, int]) -> Point:
    tip, left, right = place
    return (right - left) * PITCH / 2, (left + right - tip) * PITCH / 2 + 0.02
