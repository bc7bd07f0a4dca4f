"""Pixels of mazes with walls between their cells: markers, ids, path, and frames.

Imports OpenCV, so only drawing imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, repeat

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.config import Colour
from vtb.core.frames import FramePlan
from vtb.core.types import Array, Picture, Rendering
from vtb.media.canvas import Canvas

from .cell_layout import CellLayout, Point, polyline
from .stencil import Ink
from .style import CellStyle

# Steps between two colours, the second included.
LEVELS = 4
# Palette indices behind the scale of `Ink`: steps from corridor and from path to the colour of
# each marker, then from corridor and from each marker to the colour of ids.
START = Ink.PATH + 1
GOAL = START + 2 * LEVELS
IDS = GOAL + 2 * LEVELS
ID_SIZE, MIN_ID_SIZE = 0.4, 8
# Antialiasing reaches this much beyond a line.
RIM_PX = 3
# Into how many steps the motion of one frame is divided to tell which pixels it uncovers.
SUBSTEPS = 4


def maze_palette(style: CellStyle) -> Array:
    """The colours of all indices, uint8 (K, 3)."""
    scale = [style.background]
    scale += _steps(style.background, style.wall, Ink.WALL)
    scale += _steps(style.wall, style.corridor, Ink.CORRIDOR - Ink.WALL)
    scale += _steps(style.corridor, style.path, Ink.PATH - Ink.CORRIDOR)
    for end in (style.start, style.goal_colour):
        scale += _steps(style.corridor, end, LEVELS) + _steps(style.path, end, LEVELS)
    for under in (style.corridor, style.start, style.goal_colour):
        scale += _steps(under, style.ids, LEVELS)
    return np.array(scale, np.uint8)


def render_maze(
    maze: Array, layout: CellLayout, path: Sequence[int], style: CellStyle, plan: FramePlan
) -> Rendering:
    """The pictures of a maze, drawn as `Ink` indices (H, W), whose solution is a path of cells.

    The puzzle is drawn into `maze`.
    """
    palette = maze_palette(style)
    line = polyline(layout, path)
    width = layout.path_px(style.path_width)
    solved = maze.copy()
    Canvas(solved).polyline(line, width, Ink.PATH)
    for pixels in (maze, solved):
        _mark(pixels, layout, path)
    puzzle, solution = Picture(maze, palette), Picture(solved, palette)
    return Rendering(
        puzzle=puzzle,
        solution=solution,
        frames=_frames(puzzle, solution, line, width, plan),
        extra={"image_vlm": Picture(_with_ids(puzzle.pixels, layout), palette)},
    )


def _steps(first: Colour, last: Colour, count: int) -> list[Colour]:
    """Equal steps from one colour to another, which is the last."""
    steps: list[Colour] = []
    for step in range(1, count + 1):
        red, green, blue = (a + (b - a) * step // count for a, b in zip(first, last, strict=True))
        steps.append((red, green, blue))
    return steps


def _mark(pixels: Array, layout: CellLayout, path: Sequence[int]) -> None:
    """Draws a dot on each end of the path."""
    for cell, first in ((path[0], START), (path[-1], GOAL)):
        radius = layout.marker_radius(cell)
        x, y = layout.centre(cell)
        left, top = int(x - radius) - RIM_PX, int(y - radius) - RIM_PX
        side = 2 * (math.ceil(radius) + RIM_PX)
        dot = np.zeros((side, side), np.uint8)
        Canvas(dot).disc((x - left, y - top), radius, LEVELS)
        box = pixels[top : top + side, left : left + side]
        on_path = (dot < LEVELS) & (box > (Ink.CORRIDOR + Ink.PATH) // 2)
        box[dot > 0] = (first - 1 + dot + LEVELS * on_path)[dot > 0]


def _with_ids(puzzle: Array, layout: CellLayout) -> Array:
    """The puzzle's indices with the id of every cell printed on it."""
    where, levels = _id_ink(layout)
    printed = puzzle.copy().ravel()
    under = np.digitize(printed[where], (START, GOAL))
    printed[where] = IDS - 1 + under * LEVELS + levels
    return printed.reshape(puzzle.shape)


@lru_cache(maxsize=8)
def _id_ink(layout: CellLayout) -> tuple[NDArray[np.intp], Array]:
    """The pixels (flat indices) that printing every id touches, and how much, 1 to `LEVELS`."""
    canvas = Canvas.blank(layout.height, layout.width, 0)
    digits = len(str(layout.num_cells - 1))
    for cell in range(layout.num_cells):
        # Digits are 0.7 em wide.
        fitting = 2 * layout.clearance(cell) / (0.8 * digits)
        size = min(max(MIN_ID_SIZE, ID_SIZE * layout.cell), fitting)
        canvas.text(layout.centre(cell), str(cell), size, LEVELS)
    where = np.flatnonzero(canvas.pixels)
    return where, canvas.pixels.ravel()[where]


def _frames(
    puzzle: Picture, solution: Picture, line: Sequence[Point], width_px: int, plan: FramePlan
) -> Iterator[Array]:
    """The clip as RGB uint8 (H, W, 3), one buffer for all frames.

    The head of the path moves by the same length in every motion frame, from where it leaves one
    marker to where it vanishes under the other, so what is seen is complete exactly on the last
    one. A frame uncovers those pixels of the solution that the head has just reached.
    """
    frame, final = puzzle.rgb(), solution.rgb().reshape(-1, 3)
    pixels = frame.reshape(-1, 3)
    yield from repeat(frame, plan.hold_start)
    changed = np.flatnonzero(puzzle.pixels != solution.pixels)
    places = _places(line, width_px, SUBSTEPS * plan.motion, puzzle.pixels.shape).ravel()[changed]
    first, last = int(places.min()), int(places.max())
    arrival = (places - first) * plan.motion // (last - first + 1)
    order = changed[np.argsort(arrival, kind="stable")]
    stops = np.cumsum(np.bincount(arrival, minlength=plan.motion))
    for start, stop in pairwise([0, *stops.tolist()]):
        uncovered = order[start:stop]
        pixels[uncovered] = final[uncovered]
        yield frame
    yield from repeat(frame, plan.hold_end)


def _places(
    line: Sequence[Point], width_px: int, steps: int, shape: tuple[int, ...]
) -> NDArray[np.int32]:
    """On which of so many equal steps of the line its head reaches each pixel (H, W).

    Pixels off the path get the last step.
    """
    points = np.array(line)
    reached = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    stops = np.linspace(0, reached[-1], steps + 1)
    places = np.full(shape, steps - 1, np.int32)
    # From the last piece to the first, so that each pixel keeps the earliest.
    for step in range(steps - 1, -1, -1):
        first, last = stops[step : step + 2]
        inside = reached[(reached > first) & (reached < last)]
        at = np.concatenate([[first], inside, [last]])
        piece = np.stack([np.interp(at, reached, points[:, axis]) for axis in (0, 1)], axis=1)
        corners = (piece - 0.5).round().astype(np.int32)
        cv2.polylines(places, [corners], False, step, width_px + RIM_PX)
    return places
