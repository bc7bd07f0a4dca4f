"""A worksheet in pixels: drawn with any answer, filmed, and read again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

import cv2
import numpy as np

from vtb.core.config import Colour
from vtb.core.frames import FramePlan
from vtb.core.rng import Rng
from vtb.core.types import Array
from vtb.media.compare import Mask, components

# What a place can hold besides the values of its puzzle.
EMPTY, OTHER, SEVERAL = 0, -1, -2

# A stroke of 3 px that is erased changes the mean of 5 x 5 px by more than this, of 255; moved by
# half a pixel, blurred or encoded at crf 23 it does not.
MOVED_LEVEL = 70
SMOOTH_PX = 5
# Of the picture: the smallest connected change of the scene that counts.
MIN_CHANGE = 0.001


class Place(NamedTuple):
    """Where a value is entered, whole px; `right` and `bottom` are the first ones beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle (x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def fill(self, picture: Array, colour: Colour) -> None:
        """Paints it in one colour; what lies beyond the picture is cut off."""
        opposite = (self.right - 1, self.bottom - 1)
        cv2.rectangle(picture, (self.left, self.top), opposite, colour, cv2.FILLED)

    def inset(self, share: float) -> Place:
        """The place without this share of its sides on each side."""
        dx = round(share * (self.right - self.left))
        dy = round(share * (self.bottom - self.top))
        return Place(self.left + dx, self.top + dy, self.right - dx, self.bottom - dy)


class Page(ABC):
    """One puzzle drawn as `puzzle`, RGB uint8 (H, W, 3), whose `places` wait for values.

    `wanted` holds the right value of each place, `wrong` names some wrong lists of values.
    """

    puzzle: Array
    places: Sequence[Place]
    wanted: Sequence[int]

    @abstractmethod
    def filled(self, values: Sequence[int]) -> Array:
        """The puzzle with values entered; EMPTY leaves a place as it is."""

    @abstractmethod
    def read(self, picture: Array) -> list[int]:
        """What each place of a picture of the puzzle's size holds."""

    @abstractmethod
    def guess(self, rng: Rng) -> list[int]:
        """Values drawn without looking at the puzzle."""

    @abstractmethod
    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        """Names and values of answers that are wrong."""

    def spoiled(self, solution: Array) -> Iterator[tuple[str, Array]]:
        """Names of further pictures that must fail."""
        return iter(())

    def extra(self) -> dict[str, Array]:
        """The pictures of extra columns."""
        return {}

    def fixed(self) -> Mask:
        """What an answer leaves as it is: by default everything beside the places."""
        mask = np.ones(self.puzzle.shape[:2], np.bool_)
        for place in self.places:
            mask[place.window] = False
        return mask

    def is_changed(self, picture: Array, values: Sequence[int]) -> bool:
        """Whether a picture, in which `values` were read, shows another scene."""
        return differs(picture, self.puzzle, self.fixed())

    def frames(self, solution: Array, plan: FramePlan) -> Iterator[Array]:
        """The clip, RGB uint8, one buffer for all frames; places fade in one after another."""
        frame = self.puzzle.copy()
        changing = [place for place, value in zip(self.places, self.wanted, strict=True) if value]
        yield from repeat(frame, plan.hold_start)
        for shares in one_by_one(len(changing), plan.motion):
            for place, share in zip(changing, shares, strict=True):
                frame[place.window] = blend(
                    self.puzzle[place.window], solution[place.window], share
                )
            yield frame
        yield from repeat(frame, plan.hold_end)


def one_by_one(num_steps: int, num_frames: int) -> Iterator[list[float]]:
    """Per frame the share (0 to 1) of each step that is done; the last frame completes all."""
    for frame in range(1, num_frames + 1):
        reached = num_steps * frame / num_frames
        yield [min(1.0, max(0.0, reached - step)) for step in range(num_steps)]


def blend(before: Array, after: Array, share: float) -> Array:
    """A picture on its way from one to the other; exactly those at 0 and 1."""
    mixed = before + (after.astype(np.float32) - before) * np.float32(share)
    return np.rint(mixed).astype(np.uint8)


def eased(share: float) -> float:
    """A share of a way (0 to 1) that starts and stops gently."""
    return share * share * (3 - 2 * share)


def between(
    start: Sequence[float], stop: Sequence[float], share: float
) -> tuple[float, float, float, float]:
    """The rectangle on its way from one to another."""
    left, top, right, bottom = (a + (b - a) * share for a, b in zip(start, stop, strict=True))
    return left, top, right, bottom


def differs(picture: Array, puzzle: Array, where: Mask) -> bool:
    """Whether something visible was added to or taken from the scene there."""
    size = (SMOOTH_PX, SMOOTH_PX)
    scene = puzzle.copy()  # so that nothing from outside blurs in
    cv2.copyTo(picture, where.view(np.uint8), scene)
    r, g, b = cv2.split(cv2.absdiff(cv2.blur(scene, size), cv2.blur(puzzle, size)))
    moved = np.asarray(cv2.max(cv2.max(r, g), b) > MOVED_LEVEL, np.bool_)
    if not moved.any():
        return False
    sizes = np.bincount(components(moved)[moved])
    return int(sizes.max()) >= MIN_CHANGE * moved.size
