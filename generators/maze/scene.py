"""Maps of a drawn maze: which pixel belongs to which cell or wall.

Imports OpenCV, so only the verifier imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Instance, Json
from vtb.media.compare import Labels, Mask, grow, shrink

from .grid import OPEN, WALL
from .layout import SquareLayout, square_layout

Indices = NDArray[np.intp]

# The inner part of a cell or wall, by which it is judged; the rest may blur into its neighbours.
INNER_SHARE = 0.6
# How near to the marker of an end a path has to come, in cells.
END_REACH = 0.45
# How deep path colour may bleed into a wall: 1 px, and 2 px where walls are at least 16 px thick.
# With 2 px in walls of 15, a path of 5 px drawn along their edge passed after half size.
MAX_BLEED_PX = 2
BLEED_SHARE = 1 / 8


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """Where regions meet: pairs of regions, and the pixels on both sides of their border.

    `pairs` is (P, 2). Pixel `near[i]` lies beside pixel `far[i]` (flat indices), on the two sides
    of border `border[i]` of the P.
    """

    pairs: Labels
    near: Indices
    far: Indices
    border: Indices

    def only(self, kept: Mask) -> Borders:
        """The borders for which `kept` (P,) holds, renumbered."""
        pixels = kept[self.border]
        border = (np.cumsum(kept) - 1)[self.border[pixels]]
        return Borders(self.pairs[kept], self.near[pixels], self.far[pixels], border)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A drawn maze as maps over the puzzle's pixels (H, W).

    Regions 0 to R-1 are cells and wall elements, R is all that is outside of the maze. `regions`
    holds the region of each pixel, `inner` only of those in the inner part of a region and R
    elsewhere. `ends` marks the two ends and the seam of 1 px around them, where path colour tells
    nothing, and `areas` (R+1) counts the pixels of each region without it. `is_cell` is bool (R+1),
    `cells` the same per pixel. `solid` marks pixels too
    deep in a wall, or too far outside, for path colour to bleed into, and walls are `solid_px`
    thick there. `passages` are the borders one may cross. `reach` marks the pixels from which a
    path touches an end, `end_pixels` are one pixel (flat index) in each end.
    """

    regions: Labels
    inner: Labels
    ends: Mask
    areas: NDArray[np.int64]
    is_cell: Mask
    cells: Mask
    solid: Mask
    passages: Borders
    reach: Mask
    end_pixels: tuple[int, int]
    cell_px: int
    solid_px: int

    @property
    def num_regions(self) -> int:
        """R: how many cells and wall elements there are."""
        return self.is_cell.size - 1


def square_scene(instance: Instance) -> Scene:
    """The maps of a square maze as its style draws it; its regions are the blocks."""
    data = instance.data
    layout = instance_layout(data, instance.style)
    return _square_scene(layout, "".join(data["grid"]), data["start"], data["goal"])


def instance_layout(data: Mapping[str, Json], style: Mapping[str, Json]) -> SquareLayout:
    """Where the blocks of a stored square maze lie."""
    canvas = tuple(style["canvas"]) if style["canvas"] else None
    return square_layout(data["rows"], data["cols"], style["cell"], canvas)


def borders(regions: Labels, outside: int) -> Borders:
    """Every border between two regions, except with `outside`."""
    flat = np.arange(regions.size).reshape(regions.shape)
    pixels = np.concatenate(
        [
            np.stack([flat[:-1].ravel(), flat[1:].ravel()]),
            np.stack([flat[:, :-1].ravel(), flat[:, 1:].ravel()]),
        ],
        axis=1,
    )
    sides = np.sort(regions.ravel()[pixels], axis=0)
    across = (sides[0] != sides[1]) & (sides[1] != outside)
    pairs, border = np.unique(sides[:, across], axis=1, return_inverse=True)
    near, far = pixels[:, across]
    return Borders(pairs.T, near, far, border.ravel())


@lru_cache(maxsize=16)
def _square_scene(layout: SquareLayout, grid: str, start: int, goal: int) -> Scene:
    regions, inner, all_borders = _blocks(layout)
    is_cell = np.frombuffer((grid + WALL).encode(), np.uint8) == ord(OPEN)
    cells = is_cell[regions]
    bleed = max(1, min(MAX_BLEED_PX, int(layout.cell * BLEED_SHARE)))
    ends = (regions == start) | (regions == goal)
    seam = grow(ends, 1)
    return Scene(
        regions=regions,
        inner=inner,
        ends=seam,
        areas=np.bincount(regions[~seam], minlength=is_cell.size),
        is_cell=is_cell,
        cells=cells,
        solid=shrink(~cells, bleed),
        passages=all_borders.only(is_cell[all_borders.pairs].all(axis=1)),
        reach=grow(ends, int(END_REACH * layout.cell)) & cells,
        end_pixels=(_centre(layout, start), _centre(layout, goal)),
        cell_px=layout.cell,
        solid_px=layout.cell - 2 * bleed,
    )


@lru_cache(maxsize=16)
def _blocks(layout: SquareLayout) -> tuple[Labels, Labels, Borders]:
    """`regions`, `inner` and all borders of the blocks of any maze with this layout."""
    outside = layout.rows * layout.cols
    ids = np.arange(outside, dtype=np.int32).reshape(layout.rows, layout.cols)
    maze = ids.repeat(layout.cell, 0).repeat(layout.cell, 1)
    offset = np.arange(layout.cell)
    margin = round(layout.cell * (1 - INNER_SHARE) / 2)
    is_inner = (offset >= margin) & (offset < layout.cell - margin)
    inner = np.where(np.tile(np.outer(is_inner, is_inner), ids.shape), maze, outside)
    regions = _on_canvas(layout, maze, outside)
    return regions, _on_canvas(layout, inner, outside), borders(regions, outside)


def _on_canvas(layout: SquareLayout, maze: Labels, outside: int) -> Labels:
    bottom = layout.height - layout.top - maze.shape[0]
    right = layout.width - layout.left - maze.shape[1]
    margins = ((layout.top, bottom), (layout.left, right))
    return np.pad(maze, margins, constant_values=outside).astype(np.int32)


def _centre(layout: SquareLayout, block: int) -> int:
    x, y = layout.corner(block)
    return (y + layout.cell // 2) * layout.width + x + layout.cell // 2
