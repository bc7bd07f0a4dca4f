"""The maps of mazes with walls between their cells.

Regions are the cells, the pieces of wall (see `Zones`) and the markers of both ends. A piece whose
edge is open belongs to the cells on both sides of it, but is judged by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array
from vtb.media.compare import Labels, Mask, grow, shrink

from .board import Board
from .cell_layout import CellLayout, Zones
from .scene import INNER_SHARE, Borders, Scene, bleed_px, borders
from .sketch import Sketch
from .style import CellStyle

NUM_MARKERS = 2
# Shifted by 1 px down and right, or blurred by 2 px, cells keep their colour this far from markers,
# and passages from the ends of the walls beside them, which reach into them by 0.3 of their width.
RIM_PX = 3
OVERHANG_WALLS = 0.3
MAX_END_SHARE = 0.7
# Walls of less than 4 px, such as between two openings close to the centre, keep it nowhere.
MIN_DEPTH = 1.6


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What the scenes of one layout share; labels as in `Scene`, passages and markers aside.

    `cells` divides the board as `Zones` does, with `outside`, which is R, around it.
    """

    cells: Labels
    pieces: Labels
    parts: Labels
    inner: Labels
    core: Labels
    inner_areas: NDArray[np.int64]
    core_areas: NDArray[np.int64]
    all_borders: Borders
    num_cells: int
    num_pieces: int
    outside: int


@lru_cache(maxsize=16)
def cell_scene(layout: CellLayout, board: Board, passages: bytes, ends: tuple[int, int]) -> Scene:
    """The maps of a maze whose `passages` are a boolean for each edge of the board."""
    ground = _ground(layout)
    is_open = np.frombuffer(passages, np.bool_)
    stands = np.ones(ground.num_pieces + 1, np.bool_)
    stands[: is_open.size] = ~is_open
    stands[-1] = False
    regions = np.where(stands[ground.pieces], ground.parts, ground.cells)
    is_cell = np.arange(ground.outside + 1) < ground.num_cells
    cells = is_cell[regions]
    markers = [_disc(layout, end, layout.marker_radius(end)) for end in ends]
    near = [_disc(layout, end, layout.end_reach(end)) & (ground.cells == end) for end in ends]
    seam = grow(markers[0] | markers[1], 1)
    bleed = bleed_px(layout.wall)
    return Scene(
        regions=regions,
        parts=ground.parts,
        inner=_with_markers(ground, layout, ends),
        core=ground.core,
        areas=np.bincount(regions[~seam], minlength=is_cell.size),
        inner_areas=ground.inner_areas,
        core_areas=ground.core_areas,
        is_cell=is_cell,
        cells=cells,
        ends=seam,
        solid=shrink(~cells, bleed),
        passages=ground.all_borders.only(_between(board, is_open, ground.all_borders.pairs)),
        reach=(near[0] | near[1]) & cells,
        end_pixels=(_pixel(layout, ends[0]), _pixel(layout, ends[1])),
        cell_px=round(2 * layout.clearance(board.centre)),
        solid_px=layout.wall - 2 * bleed,
    )


def cell_sketch(
    puzzle: Array,
    scene: Scene,
    style: CellStyle,
    layout: CellLayout,
    board: Board,
    is_open: NDArray[np.bool_],
) -> Sketch:
    """A sketch book for a maze of this layout drawn as `puzzle`."""
    regions = {edge: layout.num_cells + number for number, edge in enumerate(board.edges)}
    passages = {
        edge: regions[edge] for edge, opened in zip(board.edges, is_open, strict=True) if opened
    }

    def walls_beside(cell: int) -> Iterable[tuple[int, int]]:
        for beyond in board.neighbours[cell]:
            edge = min(cell, beyond), max(cell, beyond)
            if edge not in passages:
                yield regions[edge], beyond

    width = layout.path_px(style.path_width)
    return Sketch(puzzle, scene, style, width, layout.track, walls_beside, passages)


@lru_cache(maxsize=16)
def _ground(layout: CellLayout) -> _Ground:
    zones = layout.zones()
    outside = zones.num_cells + zones.num_pieces + NUM_MARKERS
    cells = np.where(zones.cells < zones.num_cells, zones.cells, outside)
    is_piece = zones.pieces < zones.num_pieces
    parts = np.where(is_piece, zones.num_cells + zones.pieces, cells)
    clearances = np.zeros(outside + 1)
    clearances[: zones.num_cells] = [layout.clearance(cell) for cell in range(zones.num_cells)]
    depth = _depth(parts)
    margins = np.zeros(outside + 1)
    np.maximum.at(margins, parts, (1 - INNER_SHARE) * depth)
    always = slice(zones.num_cells + zones.num_edges, None)
    margins[always][margins[always] < (1 - INNER_SHARE) * MIN_DEPTH] = np.inf
    margins[: zones.num_cells] = (1 - INNER_SHARE) * clearances[: zones.num_cells]
    is_inner = (depth >= margins[parts]) & ~_near_ends(layout, zones)
    inner = np.where(is_inner, parts, outside)
    middles = [layout.centre(cell) for cell in range(zones.num_cells)]
    from_middle = _distances(cells, np.array(middles), outside)
    core = np.where(from_middle <= INNER_SHARE * clearances[cells], cells, outside)
    # Shares are taken of a patch as wide as the corridor: a path is not thicker in a longer cell.
    patch = np.where(clearances > 0, (2 * INNER_SHARE * clearances) ** 2, inner.size)
    size = outside + 1
    return _Ground(
        cells=cells,
        pieces=zones.pieces,
        parts=parts,
        inner=inner,
        core=core,
        inner_areas=np.minimum(np.bincount(inner.ravel(), minlength=size), patch).astype(np.int64),
        core_areas=np.bincount(core.ravel(), minlength=size),
        all_borders=borders(cells, outside),
        num_cells=zones.num_cells,
        num_pieces=zones.num_pieces,
        outside=outside,
    )


def _with_markers(ground: _Ground, layout: CellLayout, ends: tuple[int, int]) -> Labels:
    """`inner` of a scene: the inside of a marker is a part, what is near its rim is in none."""
    inner = ground.inner.copy()
    for number, end in enumerate(ends):
        radius = layout.marker_radius(end)
        inner[_disc(layout, end, radius + RIM_PX)] = ground.outside
        inner[_disc(layout, end, INNER_SHARE * radius)] = ground.outside - NUM_MARKERS + number
    return inner


def _between(board: Board, is_open: NDArray[np.bool_], pairs: Labels) -> Mask:
    """Which pairs of regions (P, 2) are cells that are open to each other."""
    opened = np.array(board.edges)[is_open]
    base = len(board.points)
    return np.isin(pairs @ (base, 1), opened @ (base, 1))


def _disc(layout: CellLayout, cell: int, radius: float) -> Mask:
    """The pixels within a distance of the middle of a cell."""
    x, y = layout.centre(cell)
    across = np.arange(layout.width) + 0.5 - x
    down = np.arange(layout.height) + 0.5 - y
    return across**2 + down[:, None] ** 2 <= radius**2


def _near_ends(layout: CellLayout, zones: Zones) -> Mask:
    """The pixels of pieces that passages take away which lie near their ends."""
    pieces = zones.pieces.ravel()
    places = np.indices(zones.pieces.shape).reshape(2, -1) + 0.5
    sums = [np.bincount(pieces, places[axis])[: zones.num_edges] for axis in (1, 0)]
    middles = np.stack(sums, axis=1) / np.bincount(pieces)[: zones.num_edges, None]
    distances = _distances(zones.pieces, middles, zones.num_pieces)
    reach = np.zeros(zones.num_pieces + 1)
    np.maximum.at(reach, zones.pieces, np.where(np.isfinite(distances), distances, 0))
    margins = np.minimum(RIM_PX + OVERHANG_WALLS * layout.wall, MAX_END_SHARE * reach)
    return (distances > (reach - margins)[zones.pieces]) & (zones.pieces < zones.num_edges)


def _distances(labels: Labels, middles: NDArray[np.float64], last: int) -> NDArray[np.float64]:
    """How far each pixel lies from the middle (x, y) of what it belongs to, px.

    Labels without a middle, up to the `last`, are infinitely far.
    """
    table = np.full((last + 1, 2), np.inf)
    table[: len(middles)] = middles
    y, x = np.indices(labels.shape) + 0.5
    return np.hypot(x - table[labels, 0], y - table[labels, 1])


def _pixel(layout: CellLayout, cell: int) -> int:
    x, y = layout.centre(cell)
    return int(y) * layout.width + int(x)


def _depth(parts: Labels) -> NDArray[np.float32]:
    """How far each pixel lies from those at the border of its part, px."""
    is_inside = np.ones(parts.shape, np.uint8)
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = parts[a] != parts[b]
        is_inside[a][differs] = is_inside[b][differs] = 0
    return np.asarray(
        cv2.distanceTransform(is_inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32
    )
