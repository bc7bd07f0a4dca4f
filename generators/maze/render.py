"""Pixels of a square maze: puzzle, cell ids, path, and the frames of its solution video."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import repeat

import numpy as np

from vtb.core.config import Colour
from vtb.core.frames import FramePlan
from vtb.core.types import Array, Picture

from .grid import OPEN
from .layout import SquareLayout
from .style import SquareStyle

ID_LEVELS = 4


class Ink(IntEnum):
    """Palette indices of a maze picture."""

    BACKGROUND = 0
    WALL = 1
    CORRIDOR = 2
    START = 3
    GOAL = 4
    PATH = 5


def maze_palette(style: SquareStyle) -> Array:
    """The colours of `Ink`, uint8 (6, 3)."""
    goal = style.start if style.endpoints == "same" else style.goal
    return np.array(
        (style.background, style.wall, style.corridor, style.start, goal, style.path), np.uint8
    )


def draw_puzzle(layout: SquareLayout, grid: Sequence[str], start: int, goal: int) -> Array:
    """The maze with both ends as full blocks, as `Ink` indices uint8 (H, W)."""
    text = np.frombuffer("".join(grid).encode(), np.uint8)
    blocks = np.where(text == ord(OPEN), Ink.CORRIDOR, Ink.WALL).astype(np.uint8)
    blocks[start], blocks[goal] = Ink.START, Ink.GOAL
    maze = blocks.reshape(layout.rows, layout.cols).repeat(layout.cell, 0).repeat(layout.cell, 1)
    pixels = np.full((layout.height, layout.width), Ink.BACKGROUND, np.uint8)
    pixels[layout.top : layout.top + maze.shape[0], layout.left : layout.left + maze.shape[1]] = (
        maze
    )
    return pixels


def draw_solution(puzzle: Array, layout: SquareLayout, path: Sequence[int], width_px: int) -> Array:
    """A copy of the puzzle's indices with the whole path, the ends on top."""
    pixels = puzzle.copy()
    _paint_path(pixels, layout, path, width_px, Ink.PATH, 0, (len(path) - 1) * layout.cell)
    _paint_block(pixels, layout, path[0], Ink.START)
    _paint_block(pixels, layout, path[-1], Ink.GOAL)
    return pixels


def draw_ids(puzzle: Array, layout: SquareLayout, style: SquareStyle) -> Picture:
    """The puzzle with the id of every block printed on it."""
    base = maze_palette(style).astype(float)
    ink = np.asarray(style.ids, dtype=float)
    shares = np.arange(ID_LEVELS + 1)[:, None, None] / ID_LEVELS
    palette = np.rint(base + shares * (ink - base)).astype(np.uint8).reshape(-1, 3)
    return Picture(puzzle + _id_mask(layout), palette)


def maze_frames(
    puzzle: Picture, layout: SquareLayout, path: Sequence[int], style: SquareStyle, plan: FramePlan
) -> Iterator[Array]:
    """The clip as RGB uint8 (H, W, 3), one buffer for all frames.

    The head of the path moves by the same arc length in every motion frame, from the edge of the
    start block to the edge of the goal block, so what is seen is complete exactly on the last one.
    """
    frame = puzzle.rgb()
    colours = maze_palette(style)
    width = path_width_px(layout, style)
    yield from repeat(frame, plan.hold_start)
    at_edge = drawn = (layout.cell - width) // 2
    for step in range(1, plan.motion + 1):
        reached = at_edge + (len(path) - 2) * layout.cell * step // plan.motion
        _paint_path(frame, layout, path, width, style.path, drawn, reached)
        _paint_block(frame, layout, path[0], colours[Ink.START])
        _paint_block(frame, layout, path[-1], colours[Ink.GOAL])
        drawn = reached
        yield frame
    yield from repeat(frame, plan.hold_end)


def path_width_px(layout: SquareLayout, style: SquareStyle) -> int:
    """Width of the path, at least 2 px, centred in its block with an even margin on each side.

    Even margins put the edges of the path between the 2x2 chroma blocks of yuv420p, where encoding
    costs nothing; with odd ones the decoded clip is 15 dB worse.
    """
    nearest = math.ceil(layout.cell * (1 - style.path_width) / 4 - 0.5)
    return layout.cell - 4 * min(nearest, (layout.cell - 2) // 4)


def _paint_path(
    pixels: Array,
    layout: SquareLayout,
    path: Sequence[int],
    width_px: int,
    colour: int | Colour,
    from_px: int,
    to_px: int,
) -> None:
    """Paints the piece of the path between two arc lengths, with square caps and joints."""
    inset = (layout.cell - width_px) // 2
    for step in range(from_px // layout.cell, -(-to_px // layout.cell)):
        x, y = layout.corner(path[step])
        next_x, next_y = layout.corner(path[step + 1])
        length = min(layout.cell, to_px - step * layout.cell)
        dx, dy = (next_x - x) * length // layout.cell, (next_y - y) * length // layout.cell
        left, top = x + inset + min(0, dx), y + inset + min(0, dy)
        pixels[top : top + width_px + abs(dy), left : left + width_px + abs(dx)] = colour


def _paint_block(pixels: Array, layout: SquareLayout, block: int, colour: int | Array) -> None:
    x, y = layout.corner(block)
    pixels[y : y + layout.cell, x : x + layout.cell] = colour


@lru_cache(maxsize=8)
def _id_mask(layout: SquareLayout) -> Array:
    """What printing every id adds to the palette indices: coverage in steps of the palette."""
    from PIL import Image, ImageDraw

    from vtb.media.fonts import font

    digits = len(str(layout.rows * layout.cols - 1))
    size = min(max(8.0, 0.4 * layout.cell), layout.cell / (0.72 * digits))
    mask = Image.new("L", (layout.width, layout.height))
    draw = ImageDraw.Draw(mask)
    for block in range(layout.rows * layout.cols):
        x, y = layout.corner(block)
        centre = (x + layout.cell / 2, y + layout.cell / 2)
        draw.text(centre, str(block), fill=255, font=font(size), anchor="mm")
    levels = np.rint(np.asarray(mask) * (ID_LEVELS / 255)).astype(np.uint8)
    return levels * np.uint8(len(Ink))
