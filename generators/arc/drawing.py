"""Pixels of an ARC puzzle: grids, arrows, and the clip that fills the answer. Imports OpenCV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Self

import numpy as np

from vtb.core.frames import FramePlan
from vtb.core.types import Array, Instance, Json, Picture, Rendering
from vtb.media.canvas import Canvas

from .config import ArcStyle
from .identity import Grid
from .placement import Box, Layout, Placement, pairs_of, placements

# Numbers of the picture's colours after the ten of cells.
EMPTY, LINE, BACKGROUND = 10, 11, 12
ARROW_SHADES = 8
# Smaller cells have no lines between them.
MIN_LINED_CELL_PX = 12
MAJORITY = 0.7


def render(instance: Instance, style: ArcStyle, plan: FramePlan) -> Rendering:
    """The puzzle with an empty answer, the full one, and a clip that fills cell after cell."""
    sheet = Sheet.of(instance.data, style)
    puzzle, solution = sheet.filled(None), sheet.filled(instance.solution)
    return Rendering(puzzle, solution, sheet.frames(instance.solution, plan))


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A puzzle drawn as colour numbers uint8 (H, W), which can be filled with any answer."""

    layout: Layout
    ground: Array
    palette: Array

    @classmethod
    def of(cls, data: Mapping[str, Json], style: ArcStyle) -> Self:
        """The sheet of a puzzle with its answer left empty."""
        layout = placements(data, style)
        ground = np.full((layout.height, layout.width), BACKGROUND, np.uint8)
        for box in layout.arrows:
            _draw_arrow(ground, box)
        grids = [grid for pair in pairs_of(data) for grid in pair]
        answer = layout.answer
        grids[-1] = [[EMPTY] * answer.cols] * answer.rows
        for placement, grid in zip(layout.placements, grids, strict=True):
            _draw_grid(ground, placement, grid, layout.cell)
        return cls(layout, ground, _palette(style))

    def filled(self, answer: Grid | None) -> Picture:
        """The puzzle with a grid of the answer's size in its place, EMPTY for a cell without."""
        pixels = self.ground
        if answer is not None:
            pixels = pixels.copy()
            _draw_grid(pixels, self.layout.answer, answer, self.layout.cell)
        return Picture(pixels, self.palette)

    def frames(self, solution: Grid, plan: FramePlan) -> Iterator[Array]:
        """The clip, RGB uint8, one buffer for all frames; cells fade in one after another."""
        frame, finished = self.filled(None).rgb(), self.filled(solution).rgb()
        empty = frame.copy()
        answer = self.layout.answer
        windows = [self.layout.box(answer, *spot).window for spot in filling_order(solution)]
        yield from repeat(frame, plan.hold_start)
        done = 0
        for step in range(1, plan.motion + 1):
            full, part = divmod(len(windows) * step, plan.motion)
            for window in windows[done:full]:
                frame[window] = finished[window]
            if part:
                before, after = empty[windows[full]].astype(np.float32), finished[windows[full]]
                mixed = before + (after - before) * np.float32(part / plan.motion)
                frame[windows[full]] = np.rint(mixed)
            done = full
            yield frame
        yield from repeat(frame, plan.hold_end)


def filling_order(grid: Grid) -> Sequence[tuple[int, int]]:
    """Cells (row, column) in reading order, those of a colour of more than 70 % before the rest."""
    spots = [(row, col) for row in range(len(grid)) for col in range(len(grid[0]))]
    colour, count = Counter(value for row in grid for value in row).most_common(1)[0]
    if count > MAJORITY * len(spots):
        spots.sort(key=lambda spot: grid[spot[0]][spot[1]] != colour)
    return spots


def line_width(cell: int) -> int:
    """The width of the lines between cells, px, even; 0 where cells are too small for them."""
    return 0 if cell < MIN_LINED_CELL_PX else 2 * (1 + cell // 64)


def _draw_grid(pixels: Array, placement: Placement, grid: Grid, cell: int) -> None:
    box, width = placement.bbox, line_width(cell)
    pixels[box.grown(max(2, width)).window] = LINE
    block = np.asarray(grid, np.uint8).repeat(cell, 0).repeat(cell, 1)
    for lines in (block, block.T):
        for border in range(cell, lines.shape[0], cell):
            lines[border - width : border] = LINE
    pixels[box.window] = block


def _draw_arrow(pixels: Array, space: Box) -> None:
    """An arrow in the middle of the space between two grids; its head is antialiased."""
    width, height = space.right - space.left, space.bottom - space.top
    x, y = round(width * 0.22), height // 2
    tip, head = width - x, round(width * 0.16)
    canvas = Canvas.blank(height, width, 0)
    half = max(2, round(width * 0.03))
    canvas.pixels[y - half : y + half, x : tip - head + 1] = 255
    canvas.polygon([(tip - head, y - head * 0.8), (tip, y), (tip - head, y + head * 0.8)], 255)
    shades = np.rint(canvas.pixels * ((ARROW_SHADES) / 255)).astype(np.uint8)
    pixels[space.window] = BACKGROUND + shades


def _palette(style: ArcStyle) -> Array:
    """The colours by number; the last eight lead from background to arrow."""
    paper, ink = np.asarray(style.background, float), np.asarray(style.arrow, float)
    shares = np.linspace(0, 1, ARROW_SHADES + 1)[:, None]
    shades = np.rint(paper + shares * (ink - paper))
    return np.vstack([style.palette, style.empty, style.line, shades]).astype(np.uint8)
