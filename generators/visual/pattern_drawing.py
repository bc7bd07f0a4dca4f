"""Pixels of pattern puzzles: any window of the picture, in any state of the hidden place.

Imports OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from vtb.core.config import Colour
from vtb.core.frames import FramePlan
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas

from .box import Box
from .figures import INK, Disc, Figure, Path, Piece, Point, Polygon, Question
from .pattern_style import PatternStyle

if TYPE_CHECKING:
    from .pattern import PatternPuzzle


@dataclass(frozen=True, slots=True, eq=False)
class Easel:
    """A puzzle ready to be drawn in one style; `box` is the window around its hidden place."""

    task: PatternPuzzle
    data: Mapping[str, Json]
    style: PatternStyle
    box: Box

    @classmethod
    def of(cls, task: PatternPuzzle, data: Mapping[str, Json], style: PatternStyle) -> Easel:
        """The easel of stored content."""
        return cls(task, data, style, Box(*data["hidden_box"]))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, px."""
        width, height = self.data["canvas"]
        return width, height

    def puzzle(self) -> Array:
        """The whole picture with its question mark, RGB uint8 (H, W, 3)."""
        return self.draw(self.task.pieces(self.data, None), Box(0, 0, *self.size))

    def filled(self, fill: str, picture: Array) -> Array:
        """A copy of the puzzle's picture with the hidden place filled."""
        filled = picture.copy()
        self.box.of(filled)[:] = self.patch(fill)
        return filled

    def patch(self, fill: str | None) -> Array:
        """The window around the hidden place, filled or with its question mark."""
        return self.draw(self.task.pieces(self.data, fill), self.box)

    def bare_patch(self) -> Array:
        """The window without anything in the hidden place."""
        pieces = self.task.pieces(self.data, None)
        return self.draw([piece for piece in pieces if not piece.is_hidden], self.box)

    def draw(self, pieces: Iterable[Piece], box: Box) -> Array:
        """Pieces, from back to front, in a window of the picture."""
        return draw(pieces, self.style, *self.size, box)


def draw(pieces: Iterable[Piece], style: PatternStyle, width: int, height: int, box: Box) -> Array:
    """A window of the picture, RGB uint8 (box height, box width, 3).

    It is drawn on a whole canvas, without what lies outside of the window: OpenCV's antialiasing of
    a line depends on where the line is cut off.
    """
    sheet = _Sheet(Canvas.blank(height, width, style.background), width, height)
    outline_px = max(1, round(style.outline * sheet.side))
    for piece in pieces:
        if not Box.around([piece.figure], width, height).meets(box):
            continue
        sheet.fill(piece.figure, style.rgb(piece.colour))
        if piece.has_outline:
            sheet.outline(piece.figure, outline_px, style.rgb(INK))
    return box.of(sheet.canvas.pixels)


def crossfade(puzzle: Array, solution: Array, box: Box, plan: FramePlan) -> Iterator[Array]:
    """The clip, RGB uint8 (H, W, 3), one buffer: the window fades from puzzle to solution.

    Every motion frame takes the same step; on the last one the solution is complete.
    """
    frame = puzzle.copy()
    before = box.of(puzzle).astype(np.float32)
    change = box.of(solution) - before
    yield from repeat(frame, plan.hold_start)
    for step in range(1, plan.motion + 1):
        box.of(frame)[:] = np.rint(before + change * (step / plan.motion))
        yield frame
    yield from repeat(frame, plan.hold_end)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A canvas with its size, px."""

    canvas: Canvas
    width: int
    height: int

    @property
    def side(self) -> int:
        return min(self.width, self.height)

    def fill(self, figure: Figure, colour: Colour) -> None:
        match figure:
            case Disc(x, y, radius):
                self.canvas.disc(self._px((x, y)), radius * self.side, colour)
            case Polygon(points):
                self.canvas.polygon(map(self._px, points), colour)
            case Question(x, y, size):
                self.canvas.text(self._px((x, y)), "?", size * self.side, colour)
            case Path():
                pass

    def outline(self, figure: Figure, width_px: int, colour: Colour) -> None:
        match figure:
            case Disc(x, y, radius):
                self.canvas.circle(self._px((x, y)), radius * self.side, width_px, colour)
            case Polygon(points):
                self.canvas.polyline(map(self._px, points), width_px, colour, closed=True)
            case Path(points):
                self.canvas.polyline(map(self._px, points), width_px, colour)
            case Question():
                pass

    def _px(self, point: Point) -> Point:
        x, y = point
        return self.width / 2 + x * self.side, self.height / 2 + y * self.side
