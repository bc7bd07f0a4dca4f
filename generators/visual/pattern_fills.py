"""What the hidden place of a pattern may show, and how far a picture is from each of it.

Imports OpenCV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array
from vtb.media.compare import Mask

from .box import Box
from .lab import Lab, distance, lab, largest_channel
from .pattern_drawing import Easel

# Pictures are compared at the scale of a short side of 128 px, which evens out noise and is fast.
COMPARED_SIDE = 128
# By so much (CIELAB) a pixel is nearer to one fill than to another, not by noise.
CLEARLY = 8

Distances: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One state of the hidden place: its colours, and where it differs from a bare ground."""

    colours: Lab
    figure: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Fills:
    """All states of a hidden place, in a window `box` of the picture, seen `shrink` times smaller.

    `place` marks in the window, at full size, what filling the place may change, `region` the same
    shrunk. `blank` are the colours of its question mark, `named` options and rivals, by name.
    """

    box: Box
    shrink: float
    place: Mask
    region: Mask
    blank: Lab
    named: Mapping[str, Fill]

    @classmethod
    def of(cls, easel: Easel) -> Fills:
        """The fills of a puzzle as its style draws them."""
        names = [*easel.data["options"], *easel.task.rivals(easel.data)]
        bare, blank = easel.bare_patch(), easel.patch(None)
        patches = {name: easel.patch(name) for name in names}
        place = np.any([_differs(patch, blank) for patch in patches.values()], axis=0)
        shrink = max(1.0, min(easel.size) / COMPARED_SIDE)

        def fill(patch: Array) -> Fill:
            return Fill(lab(_shrunk(patch, shrink)), _shrunk_mask(_differs(patch, bare), shrink))

        named = {name: fill(patch) for name, patch in patches.items()}
        colours, region = lab(_shrunk(blank, shrink)), _shrunk_mask(place, shrink)
        return cls(easel.box, shrink, place, region, colours, named)

    def place_on(self, size: tuple[int, int]) -> Mask:
        """The hidden place in a picture (height, width) of the puzzle's size."""
        mask = np.zeros(size, np.bool_)
        self.box.of(mask)[:] = self.place
        return mask

    def reading(self, picture: Array) -> Reading:
        """How a picture of the puzzle's size looks beside every fill."""
        seen = lab(_shrunk(np.ascontiguousarray(self.box.of(picture)), self.shrink))
        apart = {name: distance(seen, fill.colours) for name, fill in self.named.items()}
        return Reading(self, apart, distance(seen, self.blank))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The CIELAB distances of a picture's pixels from every fill, by name, and from the blank."""

    fills: Fills
    apart: Mapping[str, Distances]
    apart_from_blank: Distances

    def distances(self) -> dict[str, float]:
        """How far the picture is from every fill."""
        return {name: self._mean(apart, name) for name, apart in self.apart.items()}

    def distance_from_blank(self, name: str) -> float:
        """How far the picture is from the question mark where `name` would be."""
        return self._mean(self.apart_from_blank, name)

    def foreign_share(self, name: str) -> float:
        """The share of a fill's place that clearly looks like another fill, or untouched."""
        others = [apart for other, apart in self.apart.items() if other != name]
        nearest = np.min([*others, self.apart_from_blank], axis=0)
        return self._mean(self.apart[name] - nearest > CLEARLY, name)

    def _mean(self, values: NDArray[Any], name: str) -> float:
        """The mean over the region, or over the fill's own figure if that is larger.

        Of a small figure the region alone would hardly tell the colour.
        """
        figure = self.fills.named[name].figure
        return float(max(values[self.fills.region].mean(), values[figure].mean()))


def _differs(one: Array, other: Array) -> Mask:
    return largest_channel(cv2.absdiff(one, other)) > 0


def _shrunk(pixels: Array, shrink: float) -> Array:
    if shrink == 1:
        return pixels
    height, width = (max(1, round(side / shrink)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _shrunk_mask(mask: Mask, shrink: float) -> Mask:
    return _shrunk(mask.astype(np.uint8) * 255, shrink) > 127
