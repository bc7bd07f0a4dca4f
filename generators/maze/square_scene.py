"""The maps of square mazes: every block, open or not, is a region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from vtb.core.types import Array, Instance, Json
from vtb.media.compare import Labels, grow, shrink

from .graph import square_graph
from .grid import OPEN, WALL
from .layout import SquareLayout, foreign_layout, square_layout
from .render import path_width_px
from .scene import INNER_SHARE, Borders, Scene, bleed_px, borders
from .sketch import Point, Sketch
from .style import SquareStyle

# How near to the marker of an end a path has to come, in cells.
END_REACH = 0.45


def square_scene(instance: Instance) -> Scene:
    """The maps of a square maze as its style draws it; its regions are the blocks."""
    data = instance.data
    layout = instance_layout(data, instance.style)
    return _square_scene(layout, "".join(data["grid"]), data["start"], data["goal"])


def square_sketch(instance: Instance, puzzle: Array) -> Sketch:
    """A sketch book for a square maze drawn as `puzzle`."""
    layout = instance_layout(instance.data, instance.style)
    graph = square_graph(instance)
    style = SquareStyle.model_validate(instance.style)

    def track(a: int, b: int) -> list[Point]:
        return [_centre(layout, a), _centre(layout, b)]

    def walls(cell: int) -> Iterable[tuple[int, int]]:
        for wall in graph.beside[cell]:
            behind = 2 * wall - cell
            is_wall = not graph.neighbours[wall]
            if is_wall and behind in graph.beside[wall] and graph.neighbours[behind]:
                yield wall, behind

    width_px = path_width_px(layout, style)
    return Sketch(puzzle, square_scene(instance), style, width_px, track, walls)


def instance_layout(data: Mapping[str, Json], style: Mapping[str, Json]) -> SquareLayout:
    """Where the blocks of a stored square maze lie."""
    canvas = tuple(style["canvas"]) if style["canvas"] else None
    return foreign_layout(data) or square_layout(data["rows"], data["cols"], style["cell"], canvas)


@lru_cache(maxsize=16)
def _square_scene(layout: SquareLayout, grid: str, start: int, goal: int) -> Scene:
    regions, inner, all_borders = _blocks(layout)
    is_cell = np.frombuffer((grid + WALL).encode(), np.uint8) == ord(OPEN)
    cells = is_cell[regions]
    bleed = bleed_px(layout.cell)
    ends = (regions == start) | (regions == goal)
    seam = grow(ends, 1)
    areas = np.bincount(regions[~seam], minlength=is_cell.size)
    return Scene(
        regions=regions,
        parts=regions,
        inner=inner,
        core=regions,
        areas=areas,
        inner_areas=np.bincount(inner.ravel(), minlength=is_cell.size),
        core_areas=areas,
        is_cell=is_cell,
        cells=cells,
        ends=seam,
        solid=shrink(~cells, bleed),
        passages=all_borders.only(is_cell[all_borders.pairs].all(axis=1)),
        reach=grow(ends, int(END_REACH * layout.cell)) & cells,
        end_pixels=(_end_pixel(layout, start), _end_pixel(layout, goal)),
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


def _centre(layout: SquareLayout, block: int) -> Point:
    x, y = layout.corner(block)
    return x + layout.cell // 2, y + layout.cell // 2


def _end_pixel(layout: SquareLayout, block: int) -> int:
    x, y = _centre(layout, block)
    return int(y * layout.width + x)
