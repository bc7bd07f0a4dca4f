"""The sixteen colours in which a puzzle is drawn. Imports OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vtb.core.config import Colour
from vtb.core.types import Array

from .style import EyeballingStyle

# Indices of the palette: ten shades of equal steps from ink to paper, and what hides arcs.
INK, PAPER, VEIL = 0, 9, 7
# After them come shades from the highlight's outline to its fill, and one between fill and letter.
RIM_SHADES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Colours (16, 3) by index; `table` holds them (1, 256, 3) as OpenCV takes them."""

    colours: Array
    table: Array

    @classmethod
    def of(cls, style: EyeballingStyle) -> Palette:
        """The palette of a style."""
        return _palette(style.ink, style.background, style.highlight_outline, style.highlight_fill)

    def rgb(self, pixels: Array) -> Array:
        """Indices (H, W) as RGB uint8 (H, W, 3)."""
        return np.asarray(cv2.LUT(cv2.merge([pixels] * 3), self.table), np.uint8)

    def nearest(self, colours: Array) -> Array:
        """The indices (H, W) of the colours nearest to RGB ones (H, W, 3)."""
        known = self.colours.astype(np.float32)
        # Of |a - b|^2 = a^2 - 2ab + b^2 the first is the same for all.
        excess = (known**2).sum(axis=1) - colours.astype(np.float32) @ (2 * known.T)
        return excess.argmin(axis=-1).astype(np.uint8)


@lru_cache(maxsize=16)
def _palette(ink: Colour, paper: Colour, outline: Colour, fill: Colour) -> Palette:
    letter_rim = _ramp(fill, ink, 3)[1:2]
    ramps = [_ramp(ink, paper, PAPER + 1), _ramp(outline, fill, RIM_SHADES), letter_rim]
    colours = np.vstack(ramps)
    table = np.zeros((1, 256, 3), np.uint8)
    table[0, : len(colours)] = colours
    return Palette(colours, table)


def _ramp(first: Colour, last: Colour, steps: int) -> Array:
    """Colours (N, 3) in equal steps."""
    share = np.linspace(0, 1, steps)[:, None]
    return np.rint((1 - share) * first + share * np.asarray(last)).astype(np.uint8)
