"""Which cell and which side of it each pixel of a hexagonal maze is nearest to."""

from __future__ import annotations

import numpy as np

from .cell_layout import Floats, Labels, Zones
from .hexagon_board import DIRECTIONS, hexagon_board, hexagon_cells
from .hexagon_layout import APOTHEM, HexagonLayout


def hexagon_zones(layout: HexagonLayout) -> Zones:
    """The zones of a layout; pieces of wall are the sides of cells."""
    x = (np.arange(layout.width) + 0.5 - layout.width / 2) / layout.cell
    y = ((np.arange(layout.height) + 0.5 - layout.height / 2) / layout.cell)[:, None]
    q, r = _rounded(2 / 3 * x + 0 * y, y / (2 * APOTHEM) - x / 3)
    dx, dy = x - 1.5 * q, y - 2 * APOTHEM * (r + q / 2)
    along = [dx * (1.5 * dq / (2 * APOTHEM)) + dy * (dr + dq / 2) for dq, dr in DIRECTIONS]
    depth = (APOTHEM - np.max(along, axis=0)) * layout.cell
    cells, sides, num_pieces = _tables(layout.radius)
    limit = layout.radius + 2
    place = np.clip(q, -limit, limit) + limit, np.clip(r, -limit, limit) + limit
    pieces = sides[*place, np.argmax(along, axis=0)]
    return Zones(
        cells=cells[place],
        pieces=np.where(depth <= layout.wall / 2, pieces, num_pieces).astype(np.int32),
        num_cells=layout.num_cells,
        num_edges=len(hexagon_board(layout.radius).edges),
        num_pieces=num_pieces,
    )


def _rounded(q: Floats, r: Floats) -> tuple[Labels, Labels]:
    """The cell around fractional axial coordinates: of three rounded, the worst gives way."""
    s = -q - r
    near = [np.rint(part) for part in (q, r, s)]
    wrong = np.argmax([abs(a - b) for a, b in zip(near, (q, r, s), strict=True)], axis=0)
    whole_q = np.where(wrong == 0, -near[1] - near[2], near[0])
    whole_r = np.where(wrong == 1, -near[0] - near[2], near[1])
    return whole_q.astype(np.int32), whole_r.astype(np.int32)


def _tables(radius: int) -> tuple[Labels, Labels, int]:
    """The id of the cell at (q, r), the piece of wall at each of its sides, and their number.

    Coordinates count from -(radius + 2); beyond the board there is no cell, but the outer side of
    the outer walls.
    """
    board, coordinates = hexagon_board(radius), hexagon_cells(radius)
    offset = radius + 2
    cells = np.full((2 * offset + 1, 2 * offset + 1), len(coordinates), np.int32)
    for number, (q, r) in enumerate(coordinates):
        cells[q + offset, r + offset] = number
    edges = {edge: number for number, edge in enumerate(board.edges)}
    sides = np.full((*cells.shape, 6), -1, np.int32)
    num_pieces = len(edges)
    for number, (q, r) in enumerate(coordinates):
        for k, (dq, dr) in enumerate(DIRECTIONS):
            beyond = int(cells[q + dq + offset, r + dr + offset])
            piece = edges.get((min(number, beyond), max(number, beyond)))
            if piece is None:
                piece, num_pieces = num_pieces, num_pieces + 1
                sides[q + dq + offset, r + dr + offset, (k + 3) % 6] = piece
            sides[q + offset, r + offset, k] = piece
    sides[sides < 0] = num_pieces
    return cells, sides, num_pieces
