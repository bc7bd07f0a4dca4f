"""A 4x4 Sudoku in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vtb.core.config import Colour
from vtb.core.rng import Rng
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas

from .cells import CellGrid, even_px
from .digits import read_digit
from .sudoku_grids import BLOCK, DIGITS, SIDE
from .worksheet_page import Page, Place
from .worksheet_style import WorksheetStyle

# Of a cell: digits, lines, and what of it is read. Of the canvas: the margin.
FONT = 0.62
BLOCK_LINE, CELL_LINE, MIN_LINE_PX = 0.06, 0.03, 2
RIM = 0.1
MARGIN = 0.06


class SudokuPage(Page):
    """Clues in ink, a place for each missing digit."""

    def __init__(
        self, data: Mapping[str, Json], grid: Sequence[Sequence[int]], style: WorksheetStyle
    ) -> None:
        width, height = data["canvas"]
        self.cells = CellGrid.fitted(SIDE, SIDE, (height, width), MARGIN)
        board = data["board"]
        self.style = style
        spots = [(row, col) for row in range(SIDE) for col in range(SIDE)]
        self.clues = [(self._inner(r, c), board[r][c]) for r, c in spots if board[r][c]]
        self.places = [self._inner(r, c) for r, c in spots if not board[r][c]]
        self.wanted = [grid[r][c] for r, c in spots if not board[r][c]]
        self.puzzle = Canvas.blank(height, width, style.paper).pixels
        self._rule(style.ink)
        for box, digit in self.clues:
            self._write(self.puzzle, box, digit, style.ink)

    def filled(self, values: Sequence[int]) -> Array:
        picture = self.puzzle.copy()
        for box, digit in zip(self.places, values, strict=True):
            if digit:
                self._write(picture, box, digit, self.style.pencil)
        return picture

    def read(self, picture: Array) -> list[int]:
        return [read_digit(picture[box.window], SIDE) for box in self.places]

    def is_changed(self, picture: Array, values: Sequence[int]) -> bool:
        """Also whether a clue reads otherwise."""
        return super().is_changed(picture, values) or any(
            read_digit(picture[box.window], SIDE) != digit for box, digit in self.clues
        )

    def guess(self, rng: Rng) -> list[int]:
        return [rng.choice(DIGITS) for _ in self.places]

    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        other = [digit % SIDE + 1 for digit in self.wanted]
        yield "one_wrong", [other[0], *self.wanted[1:]]
        yield "all_wrong", other
        same = [DIGITS[0]] * len(self.wanted)
        yield "all_the_same", same if same != self.wanted else other

    def spoiled(self, solution: Array) -> Iterator[tuple[str, Array]]:
        box, digit = self.clues[0]
        yield "other_clue", self._rewritten(solution, box, digit % SIDE + 1)
        yield "erased_clue", self._rewritten(solution, box, 0)
        two = solution.copy()
        over = self.wanted[0] + (1 if self.wanted[0] <= BLOCK else -1)
        self._write(two, self.places[0], over, self.style.pencil)
        yield "two_digits", two
        yield "half_faded", (solution * 0.25 + self.puzzle * 0.75).round().astype("uint8")
        yield "upside_down", solution[::-1, ::-1].copy()

    def _rewritten(self, picture: Array, box: Place, digit: int) -> Array:
        """A copy with another digit, or none, in the ink of a clue."""
        copy = picture.copy()
        box.fill(copy, self.style.paper)
        if digit:
            self._write(copy, box, digit, self.style.pencil)
        return copy

    def _write(self, picture: Array, box: Place, digit: int, colour: Colour) -> None:
        Canvas(picture).text(box.centre, str(digit), FONT * self.cells.cell, colour)

    def _inner(self, row: int, col: int) -> Place:
        return self.cells.box(row, col).inset(RIM)

    def _rule(self, ink: Colour) -> None:
        thin, thick = (
            even_px(share * self.cells.cell, MIN_LINE_PX) for share in (CELL_LINE, BLOCK_LINE)
        )
        # Thin lines first, so that thick ones lie on top where they cross.
        for line in sorted(range(SIDE + 1), key=lambda line: line % BLOCK == 0):
            width = thick if line % BLOCK == 0 else thin
            self.cells.rule_row(self.puzzle, line, width, ink)
            self.cells.rule_column(self.puzzle, line, width, ink)
