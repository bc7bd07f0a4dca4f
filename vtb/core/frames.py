"""Exact 4n+1 frame plans: hold the puzzle, move, hold the finished state. And films."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeAlias

from vtb.core.errors import UsageError
from vtb.core.types import Array

# Rows and columns of a picture.
Window: TypeAlias = tuple[slice, slice]
NOTHING: Window = (slice(0, 0), slice(0, 0))


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How the frames of one clip are shared out.

    `hold_start + motion + hold_end == num_frames`; the boundaries fall on the groups of four
    frames that a causal video VAE compresses into one latent frame.
    """

    num_frames: int
    fps: float
    hold_start: int
    motion: int
    hold_end: int

    @classmethod
    def of(cls, num_frames: int, fps: float) -> Self:
        """The plan for a clip of `num_frames` = 4n+1 >= 17 frames; raises UsageError otherwise."""
        if num_frames < 17 or num_frames % 4 != 1:
            low = max(17, (num_frames - 1) // 4 * 4 + 1)
            raise UsageError(
                f"`--frames {num_frames}` is not 4k+1",
                fact="video VAEs compress frames in groups of four after the first; at least 17",
                hint=f"use `--frames {low}` or `--frames {max(17, low + 4)}`",
            )
        if not 1 <= fps <= 120:
            raise UsageError(f"`--fps {fps}` is out of range", fact="1 to 120", hint="--fps 16")
        groups = (num_frames - 1) // 4
        hold_end = 4 * max(2, round(0.2 * groups))
        hold_start = 1 + 4 * max(1, round(0.05 * groups))
        return cls(num_frames, fps, hold_start, num_frames - hold_start - hold_end, hold_end)


def whole(picture: Array) -> Window:
    """All rows and columns of a picture (H, W) or (H, W, 3)."""
    height, width = picture.shape[:2]
    return slice(0, height), slice(0, width)


class Film(Iterator[Array]):
    """Frames that know what is new in them, which saves an encoder from comparing.

    `window` tells in which rows and columns the latest frame may differ from the one before; all
    of the first are new.
    """

    def __init__(self, steps: Iterator[tuple[Array, Window]]) -> None:
        self._steps = steps
        self.window = NOTHING

    def __next__(self) -> Array:
        frame, self.window = next(self._steps)
        return frame
