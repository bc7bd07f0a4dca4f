"""Whether all that a puzzle shows is still there, and nothing else. Imports OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array
from vtb.media.compare import Mask, grow

from .lab import largest_channel

# Pictures are compared in cells of this share of the short side, by their mean colours.
CELL_SHARE = 1 / 64
# Colour bleeds across edges: within this share of the short side of one, colours tell nothing.
EDGE_SHARE = 1 / 170
MIN_EDGE_PX = 2
EDGE_LEVEL = 40
# A cell of which less than this share is left is not judged.
MIN_JUDGED_SHARE = 0.3
# Of 255, in the channel that moved most.
CHANGED_LEVEL = 24
# Of 255, over all that is not hidden, seen so small that blur and noise do not count.
MAX_MEAN_DIFFERENCE = 6
MEAN_SIDE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How a picture differs from its puzzle outside of the hidden place.

    `mean` is the mean absolute difference of all channels, at the scale of a short side of 128 px;
    `cells` marks the cells, in a still smaller picture, whose mean colour is another one.
    """

    mean: float
    cells: Mask

    @property
    def num_cells(self) -> int:
        """How many cells changed."""
        return int(self.cells.sum())

    @property
    def is_large(self) -> bool:
        """Whether the scene is another one."""
        return self.mean > MAX_MEAN_DIFFERENCE or self.num_cells > 0


def scene_change(picture: Array, puzzle: Array, hidden: Mask) -> Change:
    """The change from `puzzle` to `picture`, both RGB uint8 (H, W, 3), outside of `hidden`."""
    visible = ~hidden
    side = min(hidden.shape)
    judged = visible & ~_edges(puzzle)
    moved, share = _mean_change(picture, puzzle, judged, CELL_SHARE * side)
    cells = (share >= MIN_JUDGED_SHARE) & (largest_channel(moved) > CHANGED_LEVEL * share)
    moved, share = _mean_change(picture, puzzle, visible, side / MEAN_SIDE)
    return Change(float(moved.mean() / share.mean()), np.asarray(cells, np.bool_))


def _mean_change(
    picture: Array, puzzle: Array, judged: Mask, cell_px: float
) -> tuple[Array, NDArray[np.float32]]:
    """Per cell, how far its mean colour moves by the judged pixels alone, and their share."""
    size = (round(judged.shape[1] / cell_px), round(judged.shape[0] / cell_px))
    moved = cv2.copyTo(picture, judged.view(np.uint8), puzzle.copy())
    before, after, share = (
        cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for image in (puzzle, moved, judged.astype(np.float32))
    )
    return np.asarray(cv2.absdiff(before, after), np.uint8), np.asarray(share, np.float32)


def _edges(puzzle: Array) -> Mask:
    """Where colours change, and what lies close to it."""
    near = np.ones((3, 3), np.uint8)
    steps = largest_channel(cv2.subtract(cv2.dilate(puzzle, near), cv2.erode(puzzle, near)))
    reach = max(MIN_EDGE_PX, round(EDGE_SHARE * min(puzzle.shape[:2])))
    return grow(steps > EDGE_LEVEL, reach)
