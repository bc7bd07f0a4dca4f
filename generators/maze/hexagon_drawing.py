"""The picture of a hexagonal maze without its passages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from vtb.media.canvas import Canvas

from .cell_layout import Labels
from .hexagon_board import DIRECTIONS, hexagon_board, hexagon_cells
from .hexagon_layout import APOTHEM, HexagonLayout
from .stencil import RIM_PX, Ink, Stencil, bar, fill, polygon

# Cells a little larger than they are leave no seam between two of them.
SEAM_PX = 0.5
# VideoThinkBench draws them as this many of (corners - 0.8 walls).
RIM_FACTOR, RIM_WALLS, MIN_RIM = 1.5, 0.8, 4
# Sides that meet at 120 degrees join where each reaches tan(30)/2 of its width beyond the corner.
WALL_OVERHANG = 0.275


@lru_cache(maxsize=16)
def hexagon_stencil(layout: HexagonLayout, light_rim: bool) -> Stencil:
    """Light cells within the outer wall; closed edges are walls."""
    canvas = Canvas.blank(layout.height, layout.width, Ink.BACKGROUND)
    distance = layout.cell + SEAM_PX
    if light_rim:
        distance = RIM_FACTOR * max(MIN_RIM, layout.cell - RIM_WALLS * layout.wall)
    distance -= RIM_PX / APOTHEM
    for cell in range(layout.num_cells):
        fill(canvas.pixels, polygon(layout.corners(cell, distance)), Ink.CORRIDOR)
    edges = {edge: number for number, edge in enumerate(hexagon_board(layout.radius).edges)}
    walls: dict[int, Labels] = {}
    for cell, beyond, side in _sides(layout):
        if beyond is None:
            fill(canvas.pixels, side, Ink.WALL)
        elif cell < beyond:
            walls[edges[cell, beyond]] = side
    return Stencil(canvas.pixels, walls, {})


def _sides(layout: HexagonLayout) -> Iterator[tuple[int, int | None, Labels]]:
    """Every side of every cell: the cell, the one beyond it, and the wall as a polygon."""
    cells = hexagon_cells(layout.radius)
    ids = {cell: number for number, cell in enumerate(cells)}
    for number, (q, r) in enumerate(cells):
        corners = layout.corners(number, layout.cell)
        for k, (dq, dr) in enumerate(DIRECTIONS):
            side = bar(corners[k - 1], corners[k], layout.wall, WALL_OVERHANG * layout.wall)
            yield number, ids.get((q + dq, r + dr)), side
