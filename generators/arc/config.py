"""Which tasks are used, and how they are drawn."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Self, TypeAlias

from pydantic import Field, model_validator

from vtb.core.config import Colour, Config, FigureSide

# The smallest cell whose colour survives crf 23 and half size.
MIN_CELL_PX = 6
# Any two colours, and paper, stay apart after compression at this distance, of 441.
MIN_DISTANCE = 90
MIN_PAPER = 215


Palette: TypeAlias = tuple[
    Colour, Colour, Colour, Colour, Colour, Colour, Colour, Colour, Colour, Colour
]


class ArcConfig(Config):
    """`input` is a folder of task files, searched with all folders in it.

    It must exist only while samples are drawn. `test_index` chooses one test pair of each task;
    with None each pair is a puzzle of its own.
    """

    input: str
    test_index: int | None = Field(None, ge=0)


class ArcStyle(Config):
    """Sizes in px and colours (RGB, 0 to 255); `palette` is what the numbers 0 to 9 look like.

    `cell` is the side of a cell, even, less where the picture would grow beyond 2 million pixels.
    With a `canvas` (height, width) cells are as large as fit. `line` lies between cells and
    around grids, `empty` fills the place of the answer.
    """

    cell: int = Field(32, ge=MIN_CELL_PX, le=128, multiple_of=2)
    canvas: tuple[FigureSide, FigureSide] | None = None
    background: Colour = (245, 245, 245)
    empty: Colour = (255, 255, 255)
    line: Colour = (85, 85, 85)
    arrow: Colour = (60, 60, 60)
    palette: Palette = (
        (0, 0, 0),
        (0, 0, 255),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (128, 128, 128),
        (255, 0, 255),
        (255, 128, 0),
        (0, 255, 255),
        (128, 64, 0),
    )

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        if min(*self.background, *self.empty) < MIN_PAPER:
            raise ValueError(f"background and empty are bright, every channel {MIN_PAPER} or more")
        if max(*self.arrow, *self.line) > MIN_PAPER - MIN_DISTANCE:
            raise ValueError(
                f"arrow and line are dark, no channel above {MIN_PAPER - MIN_DISTANCE}"
            )
        papers = (self.background, self.empty)
        close = [
            pair
            for pair in combinations((*self.palette, *papers), 2)
            if pair != papers and math.dist(*pair) < MIN_DISTANCE
        ]
        if close:
            raise ValueError(f"colours {close[0][0]} and {close[0][1]} are too alike")
        return self
