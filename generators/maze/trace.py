"""What a picture draws into a maze: the cells and passages of its path, and the walls it hits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array
from vtb.media.compare import (
    SPECK_PX,
    Labels,
    Mask,
    changed_shares,
    close_gaps,
    components,
    drop_specks,
    grow,
    keep_streaks,
)

from .graph import MazeGraph
from .scene import Scene

# A cell is on the path when this share of its inner part, or that of all of it, is red.
MIN_INNER_SHARE = 0.06
MIN_CELL_SHARE = 0.15
# A side step that fills less than this much of what a path fills of a cell is a slip of the brush.
MIN_SPUR_SHARE = 0.4
# Gaps of up to an eighth of a cell, at least 2 px, are closed.
GAP_SHARE = 1 / 16
# Red hits a wall when it covers this share of it, reaches across this share of its thickness, or
# covers this share of all walls together.
MAX_ELEMENT_SHARE = 0.15
MAX_STREAK_SHARE = 0.6
MAX_WALL_SHARE = 0.002
# A wall, a corridor cell or an end has changed when this share of its inner part has; the path
# and what is within 2 px of it are not judged.
MAX_CHANGED_SHARE = 0.25
HALO_PX = 2


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What was drawn, in the terms of the scene.

    `marks` is the red outside of the ends, `hits` what of it counts as in walls or outside, both
    bool (H, W). `on` is bool (R+1): the cells of the drawn path, ends included; `links` (K, 2) are
    the passages it uses. `is_joined` tells whether red joins the ends within the corridors,
    `coverage` how much of its cells the path fills, ends excepted if there are others.
    """

    marks: Mask
    hits: Mask
    on: Mask
    links: Labels
    is_joined: bool
    coverage: float

    @property
    def cells(self) -> list[int]:
        """The ids of the cells that are on, ascending."""
        return [int(cell) for cell in np.flatnonzero(self.on)]


def read_trace(scene: Scene, graph: MazeGraph, reds: Mask) -> Trace:
    """Reads what is red in a picture, specks aside, in the puzzle's pixels."""
    marks = reds & ~scene.ends
    radius = max(1, int(scene.cell_px * GAP_SHARE))
    joined = (close_gaps(marks, radius) | scene.reach) & scene.cells
    fill, inner_fill, core_fill = (
        _counts(scene, labels, marks) / np.maximum(areas, 1)
        for labels, areas in (
            (scene.regions, scene.areas),
            (scene.inner, scene.inner_areas),
            (scene.core, scene.core_areas),
        )
    )
    ends = [graph.start, graph.goal]
    on = scene.is_cell & ((inner_fill >= MIN_INNER_SHARE) | (fill >= MIN_CELL_SHARE))
    on[ends] = True
    on &= ~_spurs(core_fill, on, _links(scene, joined, on), ends)
    between = on.copy()
    between[ends] = False
    return Trace(
        marks=marks,
        hits=wall_hits(scene, marks),
        on=on,
        links=_links(scene, joined, on),
        is_joined=_are_joined(joined, scene.end_pixels),
        coverage=float(fill[between if between.any() else on].mean()),
    )


def changed_regions(scene: Scene, picture: Array, puzzle: Array, reds: Mask) -> list[int]:
    """The cells, ends and wall elements that do not look as in the puzzle, red aside."""
    # Red tints bright corridors around it, not dark walls: there, dots must not hide a breach.
    path = reds | (grow(reds, HALO_PX) & scene.cells)
    shares = changed_shares(picture, puzzle, scene.inner, scene.num_regions, path)
    return [int(region) for region in np.flatnonzero(shares > MAX_CHANGED_SHARE)]


def wall_hits(scene: Scene, marks: Mask) -> Mask:
    """The marks in walls, or outside of the maze, that are more than bleed or noise."""
    inside = drop_specks(marks & scene.solid, SPECK_PX)
    if not inside.any():
        return inside
    counts = _counts(scene, scene.regions, inside)
    sizes = _counts(scene, scene.regions, scene.solid)
    if counts[:-1].sum() > MAX_WALL_SHARE * sizes[:-1].sum():
        return inside
    is_hit = counts > MAX_ELEMENT_SHARE * sizes
    is_hit[-1] = True
    return inside & (
        is_hit[scene.regions] | keep_streaks(inside, MAX_STREAK_SHARE * scene.solid_px)
    )


def _links(scene: Scene, joined: Mask, on: Mask) -> Labels:
    """The passages (K, 2) between cells that are on, across which red meets red."""
    passages, is_red = scene.passages, joined.ravel()
    crossing = passages.border[is_red[passages.near] & is_red[passages.far]]
    crossed = passages.pairs[np.bincount(crossing, minlength=len(passages.pairs)) > 0]
    return crossed[on[crossed].all(axis=1)]


def _spurs(fill: NDArray[np.float64], on: Mask, links: Labels, ends: list[int]) -> Mask:
    """The cells, bool (R+1), that the path only pokes into; `fill` is how red their cores are."""
    degrees = np.bincount(links.ravel(), minlength=on.size)
    passed = degrees == 2
    usual = float(np.median(fill[passed])) if passed.any() else 0.0
    spurs = on & (degrees == 1) & (fill < MIN_SPUR_SHARE * usual)
    spurs[ends] = False
    return spurs


def _are_joined(joined: Mask, pixels: tuple[int, int]) -> bool:
    first, second = components(joined).ravel()[list(pixels)]
    return bool(first == second)


def _counts(scene: Scene, labels: Labels, mask: Mask | None = None) -> NDArray[np.int64]:
    """How many pixels (of a mask) each region has, (R+1,)."""
    chosen = labels.ravel() if mask is None else labels[mask]
    return np.bincount(chosen, minlength=scene.num_regions + 1)
