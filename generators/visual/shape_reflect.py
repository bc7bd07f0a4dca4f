"""Three shapes and their images in a level mirror."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import INK, Piece, blank, rectangle
from .palette import COLOURS, can_stand_together
from .pattern import Deal, Pattern, PatternPuzzle
from .shapes import SHAPES, UPRIGHT_SYMMETRIC, shape

NUM_COLUMNS = 3
PITCH_X, DISTANCE = 0.31, 0.22
RADIUS, BLANK_RADIUS = 0.108, 0.142
NUM_DASHES, DASH, LINE = 15, 0.042, 0.008
# A fill that stands on its head where it should not, or the other way round.
UNMIRRORED = "unmirrored "


class ShapeReflect(PatternPuzzle):
    """Which shape is hidden?

    `shapes` are those of the upper row and then the lower one, both from the left; shapes above
    the mirror stand upright. `colours` are those of the columns.
    """

    name: ClassVar[str] = "visual-shape-reflect"
    task: ClassVar[str] = "shape_reflect"
    summary: ClassVar[str] = "name the shape that completes a mirror image"

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, SHAPES, self.num_options)
        others = drawn(rng, [option for option in options if option != answer])
        row = drawn(rng, [answer, *others[: NUM_COLUMNS - 1]])
        colours = drawn(rng, COLOURS)
        while not can_stand_together(colours[:NUM_COLUMNS]):
            colours.append(colours.pop(0))
        pattern = {
            "shapes": [*row, *row],
            "colours": colours[:NUM_COLUMNS],
            "hidden": row.index(answer) + NUM_COLUMNS * rng.below(2),
        }
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        hidden = pattern["hidden"]
        pieces = _mirror_line()
        for place, name in enumerate(pattern["shapes"]):
            name = (fill or "") if place == hidden else name
            if name:
                colour = pattern["colours"][place % NUM_COLUMNS]
                pieces.append(_shape(place, name, colour, is_hidden=place == hidden))
            else:
                pieces.extend(blank(*_centre(place), BLANK_RADIUS))
        return pieces

    def completes(self, pattern: Pattern, option: str) -> bool:
        shapes = list(pattern["shapes"])
        shapes[pattern["hidden"]] = option
        return shapes[:NUM_COLUMNS] == shapes[NUM_COLUMNS:]

    def rivals(self, data: Mapping[str, Json]) -> Sequence[str]:
        """The options that look otherwise upside down, the wrong way up."""
        return [UNMIRRORED + name for name in data["options"] if name not in UPRIGHT_SYMMETRIC]

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        row, colours = pattern["shapes"][:NUM_COLUMNS], pattern["colours"]
        side, column = divmod(pattern["hidden"], NUM_COLUMNS)
        for step in (1, -1):
            at = column if step == 1 else NUM_COLUMNS - 1 - column
            for below in (side, 1 - side):
                yield {
                    "shapes": [*row[::step], *row[::step]],
                    "colours": colours[::step],
                    "hidden": at + NUM_COLUMNS * below,
                }

    def num_patterns(self) -> int:
        triples = [t for t in permutations(COLOURS, NUM_COLUMNS) if can_stand_together(t)]
        return math.perm(len(SHAPES), NUM_COLUMNS) * len(triples) * 2 * NUM_COLUMNS


def _centre(place: int) -> tuple[float, float]:
    row, column = divmod(place, NUM_COLUMNS)
    return (column - 1) * PITCH_X, DISTANCE if row else -DISTANCE


def _shape(place: int, name: str, colour: str, *, is_hidden: bool) -> Piece:
    is_below = place >= NUM_COLUMNS
    mirrored = is_below != name.startswith(UNMIRRORED)
    figure = shape(name.removeprefix(UNMIRRORED), *_centre(place), RADIUS, mirrored=mirrored)
    return Piece(figure, colour, is_hidden)


def _mirror_line() -> list[Piece]:
    pitch = 0.94 / NUM_DASHES
    middles = [(i - (NUM_DASHES - 1) / 2) * pitch for i in range(NUM_DASHES)]
    return [
        Piece(rectangle(x - DASH / 2, -LINE / 2, x + DASH / 2, LINE / 2), INK, has_outline=False)
        for x in middles
    ]
