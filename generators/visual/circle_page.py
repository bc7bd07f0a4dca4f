"""Circles above a row of numbered boxes, in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.frames import FramePlan
from vtb.core.rng import Rng
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas
from vtb.media.compare import Mask

from .worksheet_page import EMPTY, SEVERAL, Page, Place, blend, differs, one_by_one
from .worksheet_style import WorksheetStyle

# Px of a sheet of 512 x 512: the boxes, their outlines and digits, and how far a mark may reach.
SHEET_PX = 512
BOX_TOP, BOX_BOTTOM, BOX_PITCH = 424, 488, 80
OUTLINE, MARK_OUTLINE, HALO, DIGIT = 3, 5, 8, 30
MARK_FILL, MARK_INK = (255, 220, 220), (198, 24, 24)
# A box counts as marked when this share of its inside has become redder by the gain, of 255, or
# of its outline; another one with half as much makes the answer ambiguous.
MIN_MARK, AMBIGUOUS_SHARE = 0.5, 0.5
FILL_GAIN, OUTLINE_GAIN = 14, 70
# Thinner lines could be taken away unnoticed.
MIN_LINE_PX = 3
FULL_CIRCLE_DEG = 360.0


class CirclePage(Page):
    """`boxes` bear the counts in ascending order; the answer is the number of a box, from 1."""

    def __init__(self, data: Mapping[str, Json], style: WorksheetStyle) -> None:
        width, height = data["canvas"]
        self.scale = min(height, width) / SHEET_PX
        self.left = (width - SHEET_PX * self.scale) / 2
        self.top = (height - SHEET_PX * self.scale) / 2
        self.style = style
        self.circles: Sequence[Sequence[int]] = data["circles"]
        self.line = max(MIN_LINE_PX, round(data["line_width"] * self.scale))
        self.labels = [str(count) for count in data["counts"]]
        side = BOX_BOTTOM - BOX_TOP
        first = (SHEET_PX - side - BOX_PITCH * (len(self.labels) - 1)) / 2
        self.boxes = [
            self._box(first + BOX_PITCH * place, side) for place in range(len(self.labels))
        ]
        row = self.boxes[0]._replace(right=self.boxes[-1].right)
        self.places = [row]
        self.wanted = [1 + data["counts"].index(len(self.circles))]
        self.puzzle = Canvas.blank(height, width, style.paper).pixels
        for circle in self.circles:
            self._trace(self.puzzle, circle, 1.0, style.ink)
        for box, label in zip(self.boxes, self.labels, strict=True):
            self._draw_box(self.puzzle, box, label)

    def filled(self, values: Sequence[int]) -> Array:
        return self.marked([value - 1 for value in values if value > EMPTY])

    def marked(self, boxes: Sequence[int]) -> Array:
        """The puzzle with these boxes, from 0, highlighted."""
        picture = self.puzzle.copy()
        for place in boxes:
            self._draw_box(picture, self.boxes[place], self.labels[place], is_marked=True)
        return picture

    def read(self, picture: Array) -> list[int]:
        gain = _redness(picture) - _redness(self.puzzle)
        marks = [self._mark(gain, box) for box in self.boxes]
        best = max(marks)
        if best < MIN_MARK:
            return [EMPTY]
        if sum(mark >= AMBIGUOUS_SHARE * best for mark in marks) > 1:
            return [SEVERAL]
        return [1 + marks.index(best)]

    def guess(self, rng: Rng) -> list[int]:
        return [1 + rng.below(len(self.boxes))]

    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        right = self.wanted[0]
        for name, value in (("one_less", right - 1), ("one_more", right + 1)):
            if 1 <= value <= len(self.boxes):
                yield name, [value]

    def spoiled(self, solution: Array) -> Iterator[tuple[str, Array]]:
        right = self.wanted[0] - 1
        yield "all_marked", self.marked(range(len(self.boxes)))
        yield "two_marked", self.marked([right, right - 1])
        fewer = solution.copy()
        self._trace(fewer, self.circles[0], 1.0, self.style.paper)
        yield "erased_circle", fewer
        yield "barely_marked", blend(self.puzzle, solution, 0.2)
        yield "upside_down", solution[::-1, ::-1].copy()

    def fixed(self) -> Mask:
        mask = np.ones(self.puzzle.shape[:2], np.bool_)
        for box in self.boxes:
            mask[self._around(box).window] = False
        return mask

    def is_changed(self, picture: Array, values: Sequence[int]) -> bool:
        """A box that is not marked belongs to the scene."""
        mask = self.fixed()
        if values != [SEVERAL]:
            for place, box in enumerate(self.boxes, 1):
                mask[self._around(box).window] = values != [place]
        return differs(picture, self.puzzle, mask)

    def frames(self, solution: Array, plan: FramePlan) -> Iterator[Array]:
        """Circle after circle is traced in pencil; while these lines fade the box is marked."""
        yield from repeat(self.puzzle, plan.hold_start)
        traced, before = self.puzzle.copy(), [0.0] * len(self.circles)
        for *shares, marked in one_by_one(len(self.circles) + 1, plan.motion):
            for circle, share, drawn in zip(self.circles, shares, before, strict=True):
                if share > drawn:
                    self._trace(traced, circle, share, self.style.pencil)
            before = shares
            yield blend(traced, solution, marked) if marked else traced
        yield from repeat(solution, plan.hold_end)

    def _mark(self, gain: NDArray[np.int16], box: Place) -> float:
        """How much a box looks marked, 0 to 1: by a reddish inside, or by a red outline."""
        inside = gain[box.window]
        around = gain[self._around(box).window]
        edge = round(HALO * self.scale)
        outline = np.concatenate(
            [
                around[:edge].max(0),
                around[-edge:].max(0),
                around[:, :edge].max(1),
                around[:, -edge:].max(1),
            ]
        )
        paper = self.puzzle[box.window].min(axis=2) > min(self.style.paper) - 40
        return max(
            float((inside[paper] >= FILL_GAIN).mean()), float((outline >= OUTLINE_GAIN).mean())
        )

    def _trace(
        self, picture: Array, circle: Sequence[int], share: float, colour: tuple[int, int, int]
    ) -> None:
        """Draws a share of a circle, clockwise from its top."""
        x, y, radius = (self.scale * value for value in circle)
        centre = (self.left + x, self.top + y)
        if share == 1:
            Canvas(picture).circle(centre, radius, self.line, colour)
        else:
            Canvas(picture).arc(centre, radius, -90, FULL_CIRCLE_DEG * share, self.line, colour)

    def _draw_box(self, picture: Array, box: Place, label: str, *, is_marked: bool = False) -> None:
        ink, fill = (MARK_INK, MARK_FILL) if is_marked else (self.style.ink, self.style.paper)
        width = max(2, round((MARK_OUTLINE if is_marked else OUTLINE) * self.scale))
        left, top, right, bottom = box
        outline = Place(left - width, top - width, right + width, bottom + width)
        outline.fill(picture, ink)
        box.fill(picture, fill)
        Canvas(picture).text(box.centre, label, DIGIT * self.scale, self.style.ink)

    def _box(self, left: float, side: int) -> Place:
        """The inside of a box whose sheet coordinates are given."""
        x, y = self.left + left * self.scale, self.top + BOX_TOP * self.scale
        return Place(round(x), round(y), round(x + side * self.scale), round(y + side * self.scale))

    def _around(self, box: Place) -> Place:
        """A box with its outline and the room for a mark."""
        halo = round(HALO * self.scale)
        return Place(box.left - halo, box.top - halo, box.right + halo, box.bottom + halo)


def _redness(picture: Array) -> NDArray[np.int16]:
    r, g, b = cv2.split(picture)
    return np.asarray(r, np.int16) - np.asarray(cv2.max(g, b), np.int16)
