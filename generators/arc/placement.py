"""Where the grids of a puzzle lie: one row a pair, input, arrow, output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vtb.core.config import MULTIPLE_PX
from vtb.core.errors import UsageError
from vtb.core.types import Json

from .config import MIN_CELL_PX, ArcStyle
from .identity import Grid, Pair

ROW_SPACING_PX = 36
# How far an arrow may reach above and below a flat row.
ARROW_ROOM_PX = 12
# Clips of 121 frames stay well within what a verifier decodes.
MAX_AREA_PX = 2**21


class Box(NamedTuple):
    """Whole px; `right` and `bottom` are the first ones beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, by_px: int) -> Box:
        """The box and what is within `by_px` of it."""
        left, top, right, bottom = self
        return Box(left - by_px, top - by_px, right + by_px, bottom + by_px)


class Placement(NamedTuple):
    """Where a grid lies; `kind` is train_input, train_output, test_input or test_output."""

    kind: str
    bbox: Box
    rows: int
    cols: int


class Layout(NamedTuple):
    """A canvas of `height` x `width` px with cells of `cell` px.

    `placements` are input and output of each pair, the test pair last; `arrows` is the space
    between the two of each pair.
    """

    height: int
    width: int
    cell: int
    placements: Sequence[Placement]
    arrows: Sequence[Box]

    @property
    def answer(self) -> Placement:
        """The place of the test output."""
        return self.placements[-1]

    def box(self, placement: Placement, row: int, col: int) -> Box:
        """The pixels of a cell."""
        left = placement.bbox.left + col * self.cell
        top = placement.bbox.top + row * self.cell
        return Box(left, top, left + self.cell, top + self.cell)


def pairs_of(data: Mapping[str, Json]) -> list[Pair]:
    """The pairs in the order they are drawn, the test pair last."""
    train = [Pair(pair["input"], pair["output"]) for pair in data["train"]]
    return [*train, Pair(data["test_input"], data["test_output"])]


def placements(data: Mapping[str, Json], style: ArcStyle) -> Layout:
    """The layout of a puzzle; raises UsageError when its cells would be smaller than 6 px."""
    pairs = pairs_of(data)
    cell = _cell(pairs, style)
    height, width = _extent(pairs, cell)
    canvas = style.canvas or _padded(height, width)
    top, left = (canvas[0] - height) // 4 * 2, (canvas[1] - width) // 4 * 2
    return _placed(pairs, cell, canvas, left + _margin(cell), top + _margin(cell))


def _placed(
    pairs: Sequence[Pair], cell: int, canvas: tuple[int, int], left: int, top: int
) -> Layout:
    middle = left + cell * max(_cols(pair.input) for pair in pairs)
    placed: list[Placement] = []
    arrows: list[Box] = []
    for number, pair in enumerate(pairs):
        part = "test" if number == len(pairs) - 1 else "train"
        height = cell * max(len(pair.input), len(pair.output))
        x = middle - cell * _cols(pair.input)
        for side, grid in zip(Pair._fields, pair, strict=True):
            y = top + (height - cell * len(grid)) // 4 * 2
            box = Box(x, y, x + cell * _cols(grid), y + cell * len(grid))
            placed.append(Placement(f"{part}_{side}", box, len(grid), _cols(grid)))
            x = middle + _gap(cell)
        arrow_top, arrow_bottom = top - ARROW_ROOM_PX, top + height + ARROW_ROOM_PX
        arrows.append(Box(middle, arrow_top, middle + _gap(cell), arrow_bottom))
        top += height + ROW_SPACING_PX
    return Layout(*canvas, cell, placed, arrows)


def _cell(pairs: Sequence[Pair], style: ArcStyle) -> int:
    """The largest cell that fits the canvas, or `style.cell` where that makes no huge picture.

    Always even, as are all places: whole chroma samples of yuv420p gain 20 dB.
    """

    def fits(cell: int) -> bool:
        height, width = _extent(pairs, cell)
        if style.canvas is None:
            height, width = _padded(height, width)
            return height * width <= MAX_AREA_PX
        return height <= style.canvas[0] and width <= style.canvas[1]

    largest = style.cell
    if style.canvas is not None:
        rows, cols = _counts(pairs)
        largest = min(style.canvas[0] // rows, style.canvas[1] // cols) // 2 * 2
    for cell in range(largest, MIN_CELL_PX - 1, -2):
        if fits(cell):
            return cell
    height, width = _padded(*_extent(pairs, MIN_CELL_PX))
    raise UsageError(
        "the task does not fit the canvas",
        fact=f"with cells of {MIN_CELL_PX} px, the smallest, it takes {height}x{width} px",
        hint=f"-s style.canvas=[{height},{width}], or no canvas",
    )


def _extent(pairs: Sequence[Pair], cell: int) -> tuple[int, int]:
    """Height and width in px without padding."""
    rows, cols = _counts(pairs)
    height = 2 * _margin(cell) + cell * rows + ROW_SPACING_PX * (len(pairs) - 1)
    return height, 2 * _margin(cell) + cell * cols + _gap(cell)


def _counts(pairs: Sequence[Pair]) -> tuple[int, int]:
    """How many cells are below each other, and beside each other."""
    rows = sum(max(len(pair.input), len(pair.output)) for pair in pairs)
    return rows, sum(max(map(_cols, side)) for side in zip(*pairs, strict=True))


def _padded(height: int, width: int) -> tuple[int, int]:
    return -(-height // MULTIPLE_PX) * MULTIPLE_PX, -(-width // MULTIPLE_PX) * MULTIPLE_PX


def _margin(cell: int) -> int:
    return max(24, cell // 2)


def _gap(cell: int) -> int:
    return max(72, 2 * cell)


def _cols(grid: Grid) -> int:
    return len(grid[0])
