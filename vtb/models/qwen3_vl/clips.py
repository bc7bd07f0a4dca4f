"""Which frames of a clip a Qwen3-VL model is shown, and how large; imports no torch.

A clip is a list of frames at a fixed rate. qwen-vl-utils reads such lists without a decoder. It
scales their frames to multiples of 64 px first, because it takes a token's side for a patch's, and
to multiples of 32 px then: frames in multiples of 64 px are shown as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vtb.core.types import Array
from vtb.models.qwen3_vl.pictures import TOKEN_SIDE_PX, PictureSize, size_in_squares

SQUARE_SIDE_PX = 2 * TOKEN_SIDE_PX
SQUARE_TOKENS = 4
# Frames that share their tokens.
PAIR = 2


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Fewest and most tokens of two frames, their rate in Hz, and most frames of a clip."""

    min_tokens: int = 128
    max_tokens: int = 768
    fps: float = 2.0
    max_frames: int = 32

    @property
    def squares(self) -> range:
        """How many squares of 64 px a frame may have."""
        fewest = math.ceil(self.min_tokens / SQUARE_TOKENS)
        return range(fewest, self.max_tokens // SQUARE_TOKENS + 1)

    def frames(self, num_frames: int, fps: float) -> list[int]:
        """The frames of a clip that are shown: one every 1 / `self.fps` s, and the last."""
        step, last = fps / self.fps, num_frames - 1
        # Until the nearest frame is the last one.
        count = max(0, math.ceil((last - 0.5) / step)) + 1
        return [min(int(place * step + 0.5), last) for place in range(count)]

    def size_of(self, size: PictureSize) -> PictureSize:
        """The size that frames are scaled to: sides are multiples of 64 px."""
        return size_in_squares(size, SQUARE_SIDE_PX, self.squares.start, self.squares.stop - 1)

    def pair_tokens(self, size: PictureSize) -> int:
        """Tokens of two frames of a clip of that size."""
        return math.prod(self.size_of(size)) // TOKEN_SIDE_PX**2

    def pair_times(self, count: int) -> Iterator[float]:
        """When each pair of so many frames is shown, in s: the mean of both."""
        return ((PAIR * pair + 0.5) / self.fps for pair in range(math.ceil(count / PAIR)))

    def fitted(self, frame: Array) -> Array:
        """A frame, RGB uint8 (H, W, 3), in the size that is shown."""
        height, width = frame.shape[:2]
        size = self.size_of(PictureSize(width, height))
        if size == (width, height):
            return frame
        return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))
