"""A hexagon of six wedges in which opposite wedges share a colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose
from .figures import Piece, Polygon, polar, question, with_fill
from .palette import COLOURS, can_stand_together, pattern_colours
from .pattern import Deal, Pattern, PatternPuzzle

NUM_WEDGES = 6
RADIUS = 0.43
MARK_AT = 0.6 * RADIUS
MARK_SIZE = 0.14


class ColorHexagon(PatternPuzzle):
    """Which colour has the hidden wedge?"""

    name: ClassVar[str] = "visual-color-hexagon"
    task: ClassVar[str] = "color_hexagon"
    summary: ClassVar[str] = "name the missing colour in a hexagon of wedges"

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, COLOURS, self.num_options)
        hidden = rng.below(NUM_WEDGES)
        half = pattern_colours(rng, options, answer, 3)
        colours = [half[(wedge - hidden) % 3] for wedge in range(NUM_WEDGES)]
        return Deal({"colours": colours, "hidden": hidden}, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        pieces = [Piece(_wedge(i), colour) for i, colour in enumerate(pattern["colours"])]
        middle = polar(0, 0, MARK_AT, 60 * pattern["hidden"] + 30)
        return with_fill(pieces, pattern["hidden"], fill, question(*middle, MARK_SIZE))

    def completes(self, pattern: Pattern, option: str) -> bool:
        colours = list(pattern["colours"])
        colours[pattern["hidden"]] = option
        return colours[:3] == colours[3:]

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        colours, hidden = pattern["colours"], pattern["hidden"]
        for sense in (1, -1):
            for turn in range(NUM_WEDGES):
                image = [(sense * wedge + turn) % NUM_WEDGES for wedge in range(NUM_WEDGES)]
                yield {"colours": [colours[i] for i in image], "hidden": image.index(hidden)}

    def num_patterns(self) -> int:
        triples = [t for t in permutations(COLOURS, 3) if can_stand_together(t)]
        return len(triples) * NUM_WEDGES


def _wedge(number: int) -> Polygon:
    corners = (polar(0, 0, RADIUS, 60 * (number + side)) for side in (0, 1))
    return Polygon(((0, 0), *corners))
