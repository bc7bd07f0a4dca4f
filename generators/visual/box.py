"""A window of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .figures import Figure, bounds

T = TypeVar("T", bound=np.generic)

# Room around figures for their outlines, as a share of the short side.
ROOM = 0.012


class Box(NamedTuple):
    """A window of the picture, px; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, figures: Iterable[Figure], width: int, height: int) -> Box:
        """The window around figures and their outlines, on a canvas of that size in px."""
        place, side = bounds(figures), min(width, height)
        return cls(
            max(0, int(width / 2 + (place.left - ROOM) * side)),
            max(0, int(height / 2 + (place.top - ROOM) * side)),
            min(width, int(width / 2 + (place.right + ROOM) * side) + 1),
            min(height, int(height / 2 + (place.bottom + ROOM) * side) + 1),
        )

    def meets(self, other: Box) -> bool:
        """Whether the two windows have pixels in common."""
        return max(self.left, other.left) < min(self.right, other.right) and max(
            self.top, other.top
        ) < min(self.bottom, other.bottom)

    def of(self, picture: NDArray[T]) -> NDArray[T]:
        """This part of a picture (H, W, ...), as a view."""
        return picture[self.top : self.bottom, self.left : self.right]
