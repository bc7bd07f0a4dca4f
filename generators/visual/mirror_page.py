"""A grid with a mirror in its middle, in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vtb.core.rng import Rng
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas

from .cells import CellGrid, even_px, read_colours
from .worksheet_page import EMPTY, Page, Place
from .worksheet_style import PAINTS, WorksheetStyle

# Of a cell: widths of the lines between cells and of the mirror.
LINE, MIRROR_LINE = 0.03, 0.1
# Lines between cells are this much of the ink's darkness.
LINE_SHADE = 0.35


class MirrorPage(Page):
    """Colours on the left, a dark line in the middle, empty cells on the right."""

    def __init__(self, data: Mapping[str, Json], style: WorksheetStyle) -> None:
        left: list[list[int]] = data["left"]
        rows, self.half = len(left), len(left[0])
        width, height = data["canvas"]
        self.cells = CellGrid.fitted(rows, 2 * self.half, (height, width), 0)
        self.style = style
        self.palette = [style.paper, *PAINTS.values()]
        self.left = left
        self.wanted = [value for row in left for value in row[::-1]]
        self.places = [
            self.cells.box(row, self.half + col) for row in range(rows) for col in range(self.half)
        ]
        given = [self.cells.box(row, col) for row in range(rows) for col in range(self.half)]
        self.puzzle = Canvas.blank(height, width, style.paper).pixels
        self._paint(self.puzzle, given, [value for row in left for value in row])

    def filled(self, values: Sequence[int]) -> Array:
        picture = self.puzzle.copy()
        self._paint(picture, self.places, values)
        return picture

    def read(self, picture: Array) -> list[int]:
        return read_colours(picture, self.places, self.palette)

    def guess(self, rng: Rng) -> list[int]:
        return [rng.below(len(self.palette)) for _ in self.places]

    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        first = next(place for place, value in enumerate(self.wanted) if value)
        other = list(self.wanted)
        other[first] = self.wanted[first] % len(PAINTS) + 1
        yield "one_wrong", other
        yield "one_colour", [1] * len(self.wanted) if len({*self.wanted}) > 1 else other
        if EMPTY in self.wanted:
            one_more = list(self.wanted)
            one_more[self.wanted.index(EMPTY)] = 1
            yield "one_more", one_more
        copied = [value for row in self.left for value in row]
        if copied != self.wanted:
            yield "copied", copied
        turned = [value for row in self.left[::-1] for value in row[::-1]]
        if turned != self.wanted:
            yield "turned", turned

    def _paint(self, picture: Array, places: Sequence[Place], values: Sequence[int]) -> None:
        """Colours cells and draws the lines again over their borders."""
        for place, value in zip(places, values, strict=True):
            if value != EMPTY:
                place.fill(picture, self.palette[value])
        self._rule(picture)

    def _rule(self, picture: Array) -> None:
        cells, style = self.cells, self.style
        line = even_px(LINE * cells.cell, 2)
        faint = style.shade(LINE_SHADE)
        for row in range(cells.rows + 1):
            cells.rule_row(picture, row, line, faint)
        for col in range(cells.cols + 1):
            cells.rule_column(picture, col, line, faint)
        mirror = even_px(MIRROR_LINE * cells.cell, 4)
        cells.rule_column(picture, self.half, mirror, style.ink)
