"""Nine circles on a grid: corners share a size, the middles of the sides share another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import Disc, Piece, blank
from .grid import (
    CORNERS,
    NOT_CENTRE,
    by_kind,
    cell_centre,
    grid_images,
    looks_the_same_from_all_sides,
    moved,
)
from .palette import COLOURS
from .pattern import Deal, Pattern, PatternPuzzle
from .shapes import SIZES

RADII: Mapping[str, float] = dict(zip(SIZES, (0.048, 0.082, 0.118), strict=True))
BLANK_RADIUS = 0.134


class SizeGrid(PatternPuzzle):
    """How large is the hidden circle? Any circle but the one in the middle may be hidden."""

    name: ClassVar[str] = "visual-size-grid"
    task: ClassVar[str] = "size_grid"
    summary: ClassVar[str] = "name the missing size in a symmetric grid of circles"
    num_options: ClassVar[int] = len(SIZES)

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, SIZES, self.num_options)
        other, centre = drawn(rng, [size for size in SIZES if size != answer])
        hidden = rng.choice(NOT_CENTRE)
        corner, edge = (answer, other) if hidden in CORNERS else (other, answer)
        pattern = {
            "sizes": by_kind(corner, edge, centre),
            "colour": rng.choice(COLOURS),
            "hidden": hidden,
        }
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        pieces: list[Piece] = []
        for cell, size in enumerate(pattern["sizes"]):
            is_hidden = cell == pattern["hidden"]
            size = fill if is_hidden else size
            if size is None:
                pieces.extend(blank(*cell_centre(cell), BLANK_RADIUS))
            else:
                circle = Disc(*cell_centre(cell), RADII[size])
                pieces.append(Piece(circle, pattern["colour"], is_hidden))
        return pieces

    def completes(self, pattern: Pattern, option: str) -> bool:
        sizes = list(pattern["sizes"])
        sizes[pattern["hidden"]] = option
        return looks_the_same_from_all_sides(sizes)

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        for image in grid_images():
            hidden = image.index(pattern["hidden"])
            yield {**pattern, "sizes": moved(pattern["sizes"], image), "hidden": hidden}

    def num_patterns(self) -> int:
        return math.factorial(len(SIZES)) * len(COLOURS) * len(NOT_CENTRE)
