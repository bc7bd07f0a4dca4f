"""Pictures of any size into the sizes a model has, and its clips back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import cv2
import numpy as np

from vtb.core.types import Array

FitMode = Literal["pad", "stretch"]


class Size(NamedTuple):
    """Height and width in px."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Fit:
    """A picture of size `source`, resized to `inner` and padded to `target`."""

    source: Size
    inner: Size
    target: Size

    @classmethod
    def of(cls, source: Size, wanted: Size | None, multiple: int, mode: FitMode) -> Self:
        """How to bring `source` to `wanted`.

        Without `wanted` the sides of `source` are raised to multiples of `multiple` px, and the
        picture keeps its scale. `pad` keeps the aspect ratio, `stretch` fills the target.
        """
        target = wanted or Size(*(_raise(side, multiple) for side in source))
        if mode == "stretch":
            return cls(source, target, target)
        if wanted is None:
            return cls(source, source, target)
        scale = min(target.height / source.height, target.width / source.width)
        inner = Size(*(max(1, round(side * scale)) for side in source))
        return cls(source, inner, target)

    def apply(self, picture: Array) -> Array:
        """RGB uint8 (source) as (target); the padding repeats the picture's border."""
        resized = _resize(picture, self.inner)
        top, left = self._corner
        bottom = self.target.height - self.inner.height - top
        right = self.target.width - self.inner.width - left
        padded = cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_REPLICATE)
        return np.asarray(padded, dtype=np.uint8)

    def undo(self, frames: Array) -> Array:
        """RGB uint8 (T, target, 3) without padding, at the source's size made even.

        H.264 stores colour for 2x2 pixels, so an odd last row or column is left out.
        """
        height, width = (side - side % 2 for side in self.source)
        return np.stack([self.undo_picture(frame)[:height, :width] for frame in frames])

    def undo_picture(self, picture: Array) -> Array:
        """RGB uint8 (target) without padding, at the source's size."""
        top, left = self._corner
        inner = picture[top : top + self.inner.height, left : left + self.inner.width]
        return _resize(inner, self.source)

    @property
    def _corner(self) -> tuple[int, int]:
        return (
            (self.target.height - self.inner.height) // 2,
            (self.target.width - self.inner.width) // 2,
        )


def fit_of(source: Size, max_pixels: int, multiple: int) -> Fit:
    """How a picture comes to multiples of `multiple` px, at most `max_pixels` of area."""
    whole = Fit.of(source, None, multiple, "pad")
    if math.prod(whole.target) <= max_pixels:
        return whole
    scale = math.sqrt(max_pixels / math.prod(source))
    wanted = Size(*(max(1, math.floor(side * scale / multiple)) * multiple for side in source))
    return Fit.of(source, wanted, multiple, "pad")


def _raise(side: int, multiple: int) -> int:
    return max(1, -(-side // multiple)) * multiple


def _resize(picture: Array, size: Size) -> Array:
    if picture.shape[:2] == size:
        return picture
    shrinks = size.height * size.width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(picture, (size.width, size.height), interpolation=method)
    return np.asarray(resized, dtype=np.uint8)
