"""Square cells in rows and columns: where they lie, the lines between them, their colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from vtb.core.config import Colour
from vtb.core.types import Array

from .worksheet_page import OTHER, Place

# Of a cell's sides: what its lines and neighbours may bleed into is not looked at.
RIM = 1 / 6
# A cell has a colour when this colour is so much nearer than the next one, and its pixels are no
# farther from their mean than this, of 255.
MAX_DISTANCE_RATIO = 0.8
MAX_DISTANCE = 70
MAX_SPREAD = 30


@dataclass(frozen=True, slots=True)
class CellGrid:
    """`rows` x `cols` cells of `cell` px, the first at (`left`, `top`) of a canvas."""

    rows: int
    cols: int
    cell: int
    left: int
    top: int
    height: int
    width: int

    @classmethod
    def fitted(cls, rows: int, cols: int, canvas: tuple[int, int], margin: float) -> Self:
        """The largest cells that fit a canvas (height, width) with a margin of its shorter side.

        Cells have even sides, so that lines between them fall between the chroma samples of
        yuv420p.
        """
        height, width = canvas
        room = 2 * margin * min(canvas)
        cell = int(min((height - room) / rows, (width - room) / cols)) // 2 * 2
        left, top = (width - cols * cell) // 2, (height - rows * cell) // 2
        return cls(rows, cols, cell, left, top, height, width)

    def box(self, row: int, col: int) -> Place:
        """The pixels of a cell."""
        left, top = self.left + col * self.cell, self.top + row * self.cell
        return Place(left, top, left + self.cell, top + self.cell)

    def rule_row(self, pixels: Array, row: int, width_px: int, colour: Colour) -> None:
        """Draws the horizontal line above a row, on the border of the cells."""
        first = _start(self.top + row * self.cell, width_px, self.height)
        left = _start(self.left, width_px, self.width)
        right = _start(self.left + self.cols * self.cell, width_px, self.width) + width_px
        Place(left, first, right, first + width_px).fill(pixels, colour)

    def rule_column(self, pixels: Array, col: int, width_px: int, colour: Colour) -> None:
        """Draws the vertical line left of a column, on the border of the cells."""
        first = _start(self.left + col * self.cell, width_px, self.width)
        top = _start(self.top, width_px, self.height)
        bottom = _start(self.top + self.rows * self.cell, width_px, self.height) + width_px
        Place(first, top, first + width_px, bottom).fill(pixels, colour)


def even_px(width: float, least: int) -> int:
    """The even width of a line, at least so many px: odd ones share chroma with their sides."""
    return max(least, round(width / 2) * 2)


def _start(border: int, width_px: int, side_px: int) -> int:
    """The first even pixel of a line that lies about a border and within the picture."""
    return min(max(0, border - width_px // 4 * 2), side_px - width_px)


def read_colours(picture: Array, places: Sequence[Place], palette: Sequence[Colour]) -> list[int]:
    """The number in `palette` of each place's colour, from 0 for EMPTY; OTHER for none of them."""
    known = np.asarray(palette, np.float32)
    values: list[int] = []
    for place in places:
        inside = picture[place.inset(RIM).window].reshape(-1, 3).astype(np.float32)
        mean = inside.mean(axis=0)
        distances = np.linalg.norm(known - mean, axis=1)
        nearest, second = np.argsort(distances)[:2]
        is_clear = distances[nearest] <= min(MAX_DISTANCE, MAX_DISTANCE_RATIO * distances[second])
        is_even = np.abs(inside - mean).mean() <= MAX_SPREAD
        values.append(int(nearest) if is_clear and is_even else OTHER)
    return values
