"""Sudoku of 4x4 cells: fill in the digits that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from vtb.core.answers import Parsed, parse_grid
from vtb.core.errors import VtbError
from vtb.core.generator import AnswerKind
from vtb.core.rng import Rng
from vtb.core.types import Content, Instance, Json

from .sudoku_grids import CELLS, SIDE, completions, count_puzzles, disguises, grids
from .worksheet import Worksheet
from .worksheet_config import WorksheetConfig
from .worksheet_style import WorksheetStyle

if TYPE_CHECKING:
    from .sudoku_page import SudokuPage

ATTEMPTS = 1000


class SudokuConfig(WorksheetConfig):
    """`clues` of the 16 cells are given; fewer make it harder, 4 is the least possible."""

    clues: int = Field(default=12, ge=4, le=15)


class Sudoku(Worksheet[SudokuConfig]):
    """Grids of 4x4 cells, some of them given, that can be completed in exactly one way."""

    name: ClassVar[str] = "visual-sudoku"
    task: ClassVar[str] = "sudoku"
    summary: ClassVar[str] = "complete a 4x4 Sudoku"
    answer_kind: ClassVar[AnswerKind] = "grid"
    Config = SudokuConfig

    def sample(self, rng: Rng, config: SudokuConfig) -> Content:
        """Draws a grid and the cells shown until they have one completion: uniform over puzzles."""
        for _ in range(ATTEMPTS):
            grid = rng.choice(grids())
            order = list(range(CELLS))
            rng.shuffle(order)
            shown = set(order[: config.clues])
            board = [digit if cell in shown else 0 for cell, digit in enumerate(grid)]
            if completions(board) == [grid]:
                data = {"canvas": self.canvas(config), "board": _rows(board)}
                return Content(data, _rows(list(grid)), _difficulty(board))
        raise VtbError(f"no Sudoku with {config.clues} clues in {ATTEMPTS} attempts")

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return bytes(chain.from_iterable(data["board"]))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """The board, then its disguises, of which only the smallest of each position counts."""
        board = self.identity(data)
        yield board
        yield from disguises(board)

    def capacity(self, config: SudokuConfig) -> int | None:
        """The exact number of boards with that many clues and one completion."""
        return count_puzzles(config.clues)

    def chance(self, config: SudokuConfig) -> float:
        return SIDE ** -float(CELLS - config.clues)

    def parse(self, text: str) -> Parsed:
        return parse_grid(text)

    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        digits = iter(values)
        return [[cell or next(digits) for cell in row] for row in instance.data["board"]]

    def page(self, instance: Instance, style: WorksheetStyle) -> SudokuPage:
        from .sudoku_page import SudokuPage

        return SudokuPage(instance.data, instance.solution, style)


def _rows(cells: Sequence[int]) -> list[list[int]]:
    return [list(cells[start : start + SIDE]) for start in range(0, CELLS, SIDE)]


def _difficulty(board: Sequence[int]) -> dict[str, float]:
    """How many cells are missing, and how many of them have one candidate from the start."""
    missing = [cell for cell, digit in enumerate(board) if not digit]
    singles = sum(len(_candidates(board, cell)) == 1 for cell in missing)
    return {"clues": float(CELLS - len(missing)), "singles": float(singles)}


def _candidates(board: Sequence[int], cell: int) -> set[int]:
    """The digits that no line or block of the cell has yet."""
    row, col = divmod(cell, SIDE)
    seen = {
        digit
        for other, digit in enumerate(board)
        for r, c in [divmod(other, SIDE)]
        if r == row or c == col or (r // 2, c // 2) == (row // 2, col // 2)
    }
    return {1, 2, 3, 4} - seen
