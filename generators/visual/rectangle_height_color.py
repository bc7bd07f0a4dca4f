"""Seven bars of three heights, each height with its own colour; the last bar is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import INK, Piece, Polygon, question, rectangle, with_fill
from .palette import COLOURS, can_stand_together, pattern_colours
from .pattern import Deal, Pattern, PatternPuzzle

HEIGHTS = {"low": 0.24, "middle": 0.46, "high": 0.68}
NUM_BARS = 7
HIDDEN_BAR = NUM_BARS - 1
PITCH, WIDTH = 0.129, 0.098
GROUND, GROUND_HALF = 0.35, 0.46
LINE = 0.008
MARK_SIZE = 0.09


class RectangleHeightColor(PatternPuzzle):
    """Which colour has the hidden bar? Every height is to be seen at least once."""

    name: ClassVar[str] = "visual-rectangle-height-color"
    task: ClassVar[str] = "rectangle_height_color"
    summary: ClassVar[str] = "name the colour of a bar from its height"

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, COLOURS, self.num_options)
        names = list(HEIGHTS)
        heights = drawn(rng, [*names, *(rng.choice(names) for _ in range(HIDDEN_BAR - 3))])
        heights.append(rng.choice(names))
        colours = pattern_colours(rng, options, answer, len(names))
        order = [heights[HIDDEN_BAR], *(name for name in names if name != heights[HIDDEN_BAR])]
        colour_of = dict(zip(order, colours, strict=True))
        pattern = {"heights": heights, "colours": [colour_of[height] for height in heights]}
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        heights, colours = data["pattern"]["heights"], data["pattern"]["colours"]
        bars = [
            Piece(_bar(number, HEIGHTS[height]), colour)
            for number, (height, colour) in enumerate(zip(heights, colours, strict=True))
        ]
        ground = rectangle(-GROUND_HALF, GROUND, GROUND_HALF, GROUND + LINE)
        x, y = _bar_x(HIDDEN_BAR), GROUND - HEIGHTS[heights[HIDDEN_BAR]] / 2
        pieces = [*bars, Piece(ground, INK, has_outline=False)]
        return with_fill(pieces, HIDDEN_BAR, fill, question(x, y, MARK_SIZE))

    def completes(self, pattern: Pattern, option: str) -> bool:
        *visible, hidden = pattern["heights"]
        like = {
            colour
            for height, colour in zip(visible, pattern["colours"], strict=False)
            if height == hidden
        }
        return like == {option}

    def num_patterns(self) -> int:
        triples = [t for t in permutations(COLOURS, 3) if can_stand_together(t)]
        # Of all rows of visible bars, those that lack a height are left out.
        rows = 3**HIDDEN_BAR - 3 * 2**HIDDEN_BAR + 3
        return len(triples) * rows * len(HEIGHTS)


def _bar_x(number: int) -> float:
    return (number - (NUM_BARS - 1) / 2) * PITCH


def _bar(number: int, height: float) -> Polygon:
    x = _bar_x(number)
    return rectangle(x - WIDTH / 2, GROUND - height, x + WIDTH / 2, GROUND)
