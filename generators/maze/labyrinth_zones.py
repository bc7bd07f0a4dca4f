"""Which cell and which piece of wall each pixel of a labyrinth belongs to."""

from __future__ import annotations

import math

import numpy as np

from .cell_layout import Floats, Labels, Zones
from .labyrinth_board import labyrinth_board
from .labyrinth_layout import LabyrinthLayout


def labyrinth_zones(layout: LabyrinthLayout) -> Zones:
    """The zones of a layout.

    Pieces that a passage takes away are the walls between two segments of a ring, and the middle
    of those between two rings; the rest of these, and the outer wall, always stand.
    """
    x = np.arange(layout.width) + 0.5 - layout.width / 2
    y = (np.arange(layout.height) + 0.5 - layout.height / 2)[:, None]
    distance = np.hypot(x, y)
    turn = (np.arctan2(-y, x) / math.tau) % 1 * layout.segments  # the angle in segments
    segment = np.minimum(turn.astype(np.int32), layout.segments - 1)
    outwards = np.maximum(distance - layout.inner_radius(0), 0)
    ring = (outwards // (layout.cell + layout.wall)).astype(np.int32)
    beyond = outwards - ring * (layout.cell + layout.wall)
    is_inside = (ring < layout.rings) | ((ring == layout.rings) & (beyond < layout.cell))
    ring = np.minimum(ring, layout.rings)

    def from_ray(position: Floats | Labels) -> Floats:
        return distance * np.abs(np.sin(math.tau / layout.segments * (turn - position)))

    along, across, num_edges = _edge_numbers(layout)
    always = num_edges + ring * layout.segments + segment
    num_pieces = num_edges + (layout.rings + 1) * layout.segments
    boundary = np.rint(turn).astype(np.int32)
    is_radial = (ring > 0) & (from_ray(boundary) <= layout.wall / 2)
    is_opening = (ring < layout.rings) & (from_ray(segment + 0.5) <= layout.opening_px / 2)
    pieces = np.where(
        beyond < layout.corridor,
        np.where(is_radial, along[ring, boundary % layout.segments], num_pieces),
        np.where(is_opening, across[ring, segment], always),
    )
    owner = ring + (beyond >= layout.cell)
    cells = np.where(owner == 0, 0, 1 + (owner - 1) * layout.segments + segment)
    return Zones(
        cells=np.where(is_inside, cells, layout.num_cells).astype(np.int32),
        pieces=np.where(is_inside, pieces, num_pieces).astype(np.int32),
        num_cells=layout.num_cells,
        num_edges=num_edges,
        num_pieces=num_pieces,
    )


def _edge_numbers(layout: LabyrinthLayout) -> tuple[Labels, Labels, int]:
    """Of the edge at the beginning of each segment (rings + 1, segments), of that beyond it."""
    along = np.zeros((layout.rings + 1, layout.segments), np.int32)
    across = np.zeros_like(along)
    edges = labyrinth_board(layout.rings, layout.segments).edges
    for number, (a, b) in enumerate(edges):
        (ring, segment), (other, last) = layout.place(a), layout.place(b)
        if ring != other:
            across[ring, last] = number
        else:
            along[ring, last if last == segment + 1 else 0] = number
    return along, across, len(edges)
