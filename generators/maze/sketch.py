"""Trace answers into the puzzle picture of a maze, right or wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np

from vtb.core.config import Colour
from vtb.core.types import Array, Instance
from vtb.media.compare import Mask, shrink

from .carve import Edge
from .scene import Scene
from .style import MazeStyle

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """The puzzle of one instance, RGB uint8 (H, W, 3), and how its style draws on it.

    `track` gives the points, in px, from the middle of one cell to that of another, along the
    corridor where they lie side by side. `walls_beside` tells of a cell which walls lie between it
    and another cell, and which cell that is, `passages` which regions lie between two cells that
    are open to each other, where they are no cells themselves. Every method returns a new picture;
    `on` is the picture to start from, the puzzle if absent.
    """

    puzzle: Array
    scene: Scene
    style: MazeStyle
    width_px: int
    track: Callable[[int, int], Sequence[Point]]
    walls_beside: Callable[[int], Iterable[tuple[int, int]]]
    passages: Mapping[Edge, int] = field(default_factory=dict[Edge, int])

    def strokes(self, cells: Sequence[int], on: Array | None = None) -> Array:
        """Strokes in path colour from middle to middle of the cells, the ends on top."""
        picture = self._copy(on)
        for a, b in pairwise(cells):
            _draw(picture, self.track(a, b), self.style.path, self.width_px)
        return self._with_ends(picture)

    def straight(self, a: int, b: int) -> Array:
        """A straight stroke in path colour between two cells, the ends on top."""
        picture = self._copy(None)
        _draw(picture, self._chord(a, b), self.style.path, self.width_px)
        return self._with_ends(picture)

    def fill(
        self,
        regions: Iterable[int],
        colour: Colour,
        on: Array | None = None,
        *,
        keep_ends: bool = False,
    ) -> Array:
        """Whole cells, walls or other parts of the scene in one colour."""
        picture = self._copy(on)
        picture[self._area(regions)] = colour
        return self._with_ends(picture) if keep_ends else picture

    def erase(self, regions: Iterable[int], on: Array) -> Array:
        """Parts of the scene as the puzzle has them."""
        area = self._area(regions)
        picture = self._copy(on)
        picture[area] = self.puzzle[area]
        return picture

    def ring(self, cell: int, on: Array | None = None) -> Array:
        """A closed line in path colour within one cell, along its border."""
        picture = self._copy(on)
        breadth = self.scene.cell_px
        inside = shrink(self._area([cell]), breadth // 6)
        picture[inside & ~shrink(inside, max(2, breadth // 6))] = self.style.path
        return picture

    def crosses_wall(self, a: int, b: int) -> bool:
        """Whether the straight line between two cells runs through a wall."""
        line = np.zeros(self.scene.cells.shape, np.uint8)
        _draw(line, self._chord(a, b), 1, 1)
        return 2 * int((line.view(np.bool_) & self.scene.solid).sum()) >= self.scene.solid_px

    def _chord(self, a: int, b: int) -> Sequence[Point]:
        return [self.track(a, a)[0], self.track(b, b)[0]]

    def _with_ends(self, picture: Array) -> Array:
        markers = shrink(self.scene.ends, 1)
        picture[markers] = self.puzzle[markers]
        return picture

    def _area(self, regions: Iterable[int]) -> Mask:
        wanted = list(regions)
        return np.isin(self.scene.regions, wanted) | np.isin(self.scene.parts, wanted)

    def _copy(self, on: Array | None) -> Array:
        return np.array(self.puzzle if on is None else on)


def _draw(picture: Array, points: Sequence[Point], colour: int | Colour, width_px: int) -> None:
    corners = np.array(points).round().astype(np.int32)
    cv2.polylines(picture, [corners], False, colour, width_px)


SketchOf: TypeAlias = Callable[[Instance, Array], Sketch]
