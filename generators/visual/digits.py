"""Reads a digit that was drawn into a cell, in whatever size, weight or colour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array
from vtb.media.canvas import Canvas
from vtb.media.compare import components

from .worksheet_page import EMPTY, OTHER

# A mark must stand out by this from its cell, of 255; fainter ones are nearer to blank.
MIN_CONTRAST = 90
# Of the cell's pixels, those that stand out most tell how dark the ink is.
INK_PERCENTILE = 98
# Of the cell: specks below this area are dust, a digit is at least this high.
MIN_SPECK = 0.006
MIN_HEIGHT = 0.25
# Digits are compared as masks of this many px; the best must agree this well, and better than the
# second of those that are possible by the margin.
GLYPH_PX = 24
MIN_AGREEMENT = 0.6
MIN_MARGIN = 0.13
# Larger cells are read at this size.
READING_PX = 48


def read_digit(cell: Array, largest: int) -> int:
    """The digit from 1 to `largest` in an RGB cell without its border lines, EMPTY or OTHER."""
    glyph = _glyph(cell)
    if glyph is None:
        return EMPTY
    agreements = [float((glyph * template).mean()) for template in _templates()]
    *_, second, best = sorted(agreements[:largest])
    if best < max(MIN_AGREEMENT, second + MIN_MARGIN, *agreements):
        return OTHER
    return 1 + agreements.index(best)


@cache
def _templates() -> Sequence[NDArray[np.float32]]:
    """The digits 1 to 9, as `_glyph` sees them; 5 to 9 so that they are not taken for others."""
    templates: list[NDArray[np.float32]] = []
    for digit in range(1, 10):
        canvas = Canvas.blank(READING_PX, READING_PX, (255, 255, 255))
        middle = (READING_PX / 2, READING_PX / 2)
        canvas.text(middle, str(digit), 0.6 * READING_PX, (0, 0, 0))
        glyph = _glyph(canvas.pixels)
        assert glyph is not None
        templates.append(glyph)
    return templates


def _glyph(cell: Array) -> NDArray[np.float32] | None:
    """What is drawn in a cell, scaled to one height and standardised; None for a blank one.

    All zeros stand for a mark that is no digit: too low, or too wide.
    """
    if max(cell.shape) > READING_PX:
        small = cv2.resize(cell, (READING_PX, READING_PX), interpolation=cv2.INTER_AREA)
        cell = np.asarray(small, np.uint8)
    paper = np.median(cell.reshape(-1, 3), axis=0).astype(np.uint8)
    r, g, b = cv2.split(cv2.absdiff(cell, np.broadcast_to(paper, cell.shape)))
    strength = cv2.max(cv2.max(r, g), b)
    darkest = float(np.percentile(strength, INK_PERCENTILE))
    if darkest < MIN_CONTRAST:
        return None
    mask = np.asarray(strength > darkest / 2, np.bool_)
    labels = components(mask)
    sizes = np.bincount(labels.ravel())
    kept = mask & (sizes >= MIN_SPECK * mask.size)[labels]
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    blank = np.zeros((GLYPH_PX, GLYPH_PX), np.float32)
    if not len(rows) or len(rows) < MIN_HEIGHT * len(cell):
        return blank
    ink = strength[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = round(GLYPH_PX * ink.shape[1] / ink.shape[0])
    if not 2 <= width <= GLYPH_PX:
        return blank
    scaled = cv2.resize(ink, (width, GLYPH_PX), interpolation=cv2.INTER_AREA)
    left = (GLYPH_PX - width) // 2
    blank[:, left : left + width] = np.minimum(scaled / darkest, 1)
    return np.asarray((blank - blank.mean()) / blank.std(), np.float32)
