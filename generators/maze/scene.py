"""Maps of a drawn maze: which pixel belongs to which cell or wall.

Imports OpenCV, so only the verifier and what it draws with import this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtb.media.compare import Labels, Mask

Indices = NDArray[np.intp]

# The inner part of a cell or wall, by which it is judged; the rest may blur into its neighbours.
INNER_SHARE = 0.6
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

    Regions 0 to R-1 are cells, wall elements and what else is judged by itself; R is all that is
    outside of the maze. `regions` holds the region of each pixel, `parts` the same except that it
    tells passages between cells and markers in them apart, where they are regions of their own.
    `inner` holds the part only of pixels in the inside of a part, `core` the cell of those around
    the middle of a cell, both R elsewhere. `areas`, `inner_areas` and `core_areas` (R+1) are the
    pixels by which shares of `regions`, `inner` and `core` are taken. `is_cell` is bool (R+1),
    `cells` the same per pixel. `ends` marks the two ends and the seam of 1 px around them, where
    path colour tells nothing. `solid` marks pixels too deep in a wall, or too far outside, for path
    colour to bleed into, and walls are `solid_px` thick there. `passages` are the borders one may
    cross. `reach` marks the pixels from which a path touches an end, `end_pixels` are one pixel
    (flat index) in each end. Corridors are `cell_px` wide.
    """

    regions: Labels
    parts: Labels
    inner: Labels
    core: Labels
    areas: NDArray[np.int64]
    inner_areas: NDArray[np.int64]
    core_areas: NDArray[np.int64]
    is_cell: Mask
    cells: Mask
    ends: Mask
    solid: Mask
    passages: Borders
    reach: Mask
    end_pixels: tuple[int, int]
    cell_px: int
    solid_px: int

    @property
    def num_regions(self) -> int:
        """R: how many cells, wall elements and other regions there are."""
        return self.is_cell.size - 1


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


def bleed_px(wall_px: int) -> int:
    """How deep path colour may bleed into walls of `wall_px`."""
    return max(1, min(MAX_BLEED_PX, int(wall_px * BLEED_SHARE)))
