"""Where the blocks of a square maze lie on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vtb.core.config import MULTIPLE_PX
from vtb.core.types import Json


@dataclass(frozen=True, slots=True)
class SquareLayout:
    """`rows` x `cols` blocks of `cell` px, the top left one at (`left`, `top`) of the canvas."""

    rows: int
    cols: int
    cell: int
    left: int
    top: int
    width: int
    height: int

    def corner(self, cell_id: int) -> tuple[int, int]:
        """Top-left pixel (x, y) of a block; ids are `row * cols + col` over all blocks."""
        row, col = divmod(cell_id, self.cols)
        return self.left + col * self.cell, self.top + row * self.cell


def square_layout(
    rows: int, cols: int, cell: int, canvas: tuple[int, int] | None = None
) -> SquareLayout:
    """Centres the maze on `canvas` (height, width), or on the smallest multiple of 32 that fits.

    With a canvas the blocks take the largest whole number of pixels that fits it, which is then
    used instead of `cell`. Raises ValueError when a block would be smaller than 6 px.
    """
    if canvas is None:
        height, width = (-(-n * cell // MULTIPLE_PX) * MULTIPLE_PX for n in (rows, cols))
    else:
        height, width = canvas
        cell = min(height // rows, width // cols)
    if cell < 6:
        raise ValueError(f"{rows}x{cols} blocks on {height}x{width} px leave {cell} px per block")
    left, top = (width - cols * cell) // 2, (height - rows * cell) // 2
    return SquareLayout(rows, cols, cell, left, top, width, height)


def foreign_layout(data: Mapping[str, Json]) -> SquareLayout | None:
    """Where the blocks lie on a picture that was drawn elsewhere; None for a maze of ours."""
    layout = data.get("layout")
    return None if layout is None else SquareLayout(data["rows"], data["cols"], **layout)
