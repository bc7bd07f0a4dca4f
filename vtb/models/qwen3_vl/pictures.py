"""How large a picture is for a Qwen3-VL model; imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

from PIL import Image

# Of a token: 2x2 merged patches of 16 px.
TOKEN_SIDE_PX = 32


class PictureSize(NamedTuple):
    """Sides in px."""

    width: int
    height: int


def size_in_squares(size: PictureSize, side_px: int, fewest: int, most: int) -> PictureSize:
    """The size of `fewest` to `most` squares that is nearest, or about as wide for its height."""
    sides = [round(side / side_px) for side in size]
    if math.prod(sides) > most:
        shrink = math.sqrt(math.prod(size) / (most * side_px**2))
        sides = [max(1, math.floor(side / shrink / side_px)) for side in size]
    elif math.prod(sides) < fewest:
        grow = math.sqrt(fewest * side_px**2 / math.prod(size))
        sides = [math.ceil(side * grow / side_px) for side in size]
    return PictureSize(*(side * side_px for side in sides))


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Fewest and most tokens of a picture; a token is 32x32 px."""

    min_tokens: int = 4
    max_tokens: int = 1024

    def size_of(self, size: PictureSize) -> PictureSize:
        """The size that a picture is scaled to: sides are multiples of 32 px.

        They are the nearest ones, unless that is too small or too large; then the proportions stay
        about the same. It is the rule of Qwen's processors, so none of them scales it again, unless
        one side is many times the other.
        """
        return size_in_squares(size, TOKEN_SIDE_PX, self.min_tokens, self.max_tokens)

    def tokens(self, size: PictureSize) -> int:
        """Tokens of a picture of that size once it is scaled."""
        return math.prod(self.size_of(size)) // self.area(1)

    def fitted(self, picture: Image.Image) -> Image.Image:
        """The picture in RGB, scaled where it must be."""
        size = self.size_of(PictureSize(*picture.size))
        rgb = picture.convert("RGB")
        return rgb if rgb.size == size else rgb.resize(size, Image.Resampling.BICUBIC)

    def fitted_png(self, png: bytes) -> bytes:
        """The bytes of a picture, the same ones where its size is right already."""
        with Image.open(BytesIO(png)) as picture:
            if self.size_of(PictureSize(*picture.size)) == picture.size:
                return png
            scaled = BytesIO()
            self.fitted(picture).save(scaled, "PNG")
        return scaled.getvalue()

    @staticmethod
    def area(tokens: int) -> int:
        """So many tokens in square px, as processors count."""
        return tokens * TOKEN_SIDE_PX**2
