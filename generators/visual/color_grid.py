"""Nine circles on a grid: corners share a colour, the middles of the sides share another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose
from .figures import Disc, Piece, question, with_fill
from .grid import (
    CORNERS,
    NOT_CENTRE,
    by_kind,
    cell_centre,
    grid_images,
    looks_the_same_from_all_sides,
    moved,
)
from .palette import COLOURS, can_stand_together, pattern_colours
from .pattern import Deal, Pattern, PatternPuzzle

RADIUS = 0.115


class ColorGrid(PatternPuzzle):
    """Which colour has the hidden circle? Any circle but the one in the middle may be hidden."""

    name: ClassVar[str] = "visual-color-grid"
    task: ClassVar[str] = "color_grid"
    summary: ClassVar[str] = "name the missing colour in a symmetric grid of circles"

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, COLOURS, self.num_options)
        hidden = rng.choice(NOT_CENTRE)
        like, other, centre = pattern_colours(rng, options, answer, 3)
        corner, edge = (like, other) if hidden in CORNERS else (other, like)
        pattern = {"colours": by_kind(corner, edge, centre), "hidden": hidden}
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        pieces = [
            Piece(Disc(*cell_centre(cell), RADIUS), colour)
            for cell, colour in enumerate(pattern["colours"])
        ]
        mark = question(*cell_centre(pattern["hidden"]), RADIUS)
        return with_fill(pieces, pattern["hidden"], fill, mark)

    def completes(self, pattern: Pattern, option: str) -> bool:
        colours = list(pattern["colours"])
        colours[pattern["hidden"]] = option
        return looks_the_same_from_all_sides(colours)

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        for image in grid_images():
            hidden = image.index(pattern["hidden"])
            yield {"colours": moved(pattern["colours"], image), "hidden": hidden}

    def num_patterns(self) -> int:
        triples = [t for t in permutations(COLOURS, 3) if can_stand_together(t)]
        return len(triples) * len(NOT_CENTRE)
