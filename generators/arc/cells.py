"""Colours of cells, read off a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array

from .config import ArcStyle
from .placement import Placement

# What a cell can hold besides the colours 0 to 9.
EMPTY, OTHER = -1, -2

# Of a cell's sides: what its lines and neighbours may bleed into is not looked at.
RIM = 1 / 6
# A cell has a colour when this is so much nearer than the next one, and its pixels are no farther
# from their mean than this, of 255.
MAX_DISTANCE_RATIO = 0.8
MAX_DISTANCE = 90
MAX_SPREAD = 30

Numbers = NDArray[np.int64]


def read_grid(picture: Array, placement: Placement, cell: int, style: ArcStyle) -> Numbers:
    """The numbers (rows, cols) of a grid's cells: 0 to 9, EMPTY, or OTHER for no clear colour.

    `picture` is RGB uint8 (H, W, 3) in the puzzle's pixels; the mean of the inner two thirds of a
    cell counts.
    """
    rim = round(RIM * cell)
    block = picture[placement.bbox.window].astype(np.float32)
    cells = block.reshape(placement.rows, cell, placement.cols, cell, 3)
    inner = cells[:, rim : cell - rim, :, rim : cell - rim]
    means = inner.mean(axis=(1, 3))
    spreads = np.abs(inner - means[:, None, :, None]).mean(axis=(1, 3, 4))
    known = np.asarray([*style.palette, style.empty, style.background], np.float32)
    distances = np.linalg.norm(means[:, :, None] - known, axis=-1)
    # Paper is empty too.
    distances = np.dstack([distances[..., :-2], distances[..., -2:].min(axis=-1)])
    numbers = distances.argmin(axis=-1)
    nearest, second = np.moveaxis(np.partition(distances, 1, axis=-1)[..., :2], -1, 0)
    clear = (nearest <= MAX_DISTANCE) & (nearest <= MAX_DISTANCE_RATIO * second)
    numbers[numbers == len(style.palette)] = EMPTY
    numbers[~clear | (spreads > MAX_SPREAD)] = OTHER
    return numbers
