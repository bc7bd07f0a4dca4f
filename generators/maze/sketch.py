"""Trace answers into the puzzle picture of a square maze, right or wrong ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from vtb.core.types import Array, Instance

from .layout import SquareLayout
from .render import path_width_px
from .scene import instance_layout
from .style import Colour, SquareStyle


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The puzzle of one instance, RGB uint8 (H, W, 3), and how its style draws on it.

    Every method returns a new picture; `on` is the picture to start from, the puzzle if absent.
    """

    puzzle: Array
    layout: SquareLayout
    style: SquareStyle
    ends: tuple[int, int]

    @classmethod
    def of(cls, instance: Instance, puzzle: Array) -> Sketch:
        """The sketch for an instance drawn as `puzzle`."""
        data = instance.data
        style = SquareStyle.model_validate(instance.style)
        layout = instance_layout(data, instance.style)
        return cls(puzzle, layout, style, (data["start"], data["goal"]))

    def strokes(self, cells: Sequence[int], on: Array | None = None) -> Array:
        """Straight strokes in path colour from centre to centre of the cells, the ends on top."""
        picture = self._copy(on)
        width = path_width_px(self.layout, self.style)
        for a, b in pairwise(cells):
            cv2.line(picture, self._centre(a), self._centre(b), self.style.path, width)
        for end in self.ends:
            picture[self._block(end)] = self.puzzle[self._block(end)]
        return picture

    def fill(self, cells: Iterable[int], colour: Colour, on: Array | None = None) -> Array:
        """Whole blocks in one colour."""
        picture = self._copy(on)
        for cell in cells:
            picture[self._block(cell)] = colour
        return picture

    def ring(self, cell: int, on: Array | None = None) -> Array:
        """The outline of a square within one cell, in path colour."""
        picture = self._copy(on)
        x, y = self.layout.corner(cell)
        inset = self.layout.cell // 5
        far = self.layout.cell - 1 - inset
        corners = (x + inset, y + inset), (x + far, y + far)
        cv2.rectangle(picture, *corners, self.style.path, max(2, self.layout.cell // 6))
        return picture

    def _copy(self, on: Array | None) -> Array:
        return np.array(self.puzzle if on is None else on)

    def _block(self, cell: int) -> tuple[slice, slice]:
        x, y = self.layout.corner(cell)
        return slice(y, y + self.layout.cell), slice(x, x + self.layout.cell)

    def _centre(self, cell: int) -> tuple[int, int]:
        x, y = self.layout.corner(cell)
        return x + self.layout.cell // 2, y + self.layout.cell // 2
