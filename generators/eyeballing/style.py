"""How a figure is drawn: colours and sizes that change no answer."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from vtb.core.config import Colour, Config

# What the verifier tells apart after lossy encoding.
MIN_BACKGROUND_LUMA = 200
MAX_INK_LUMA = 90
MAX_REDNESS = 20
MIN_OUTLINE_REDNESS = 120
MIN_FILL_REDNESS = 25


class EyeballingStyle(Config):
    """Colours (RGB, 0 to 255), and the sizes of a marker of 10 px radius, which grow with it."""

    background: Colour = (255, 255, 255)
    ink: Colour = (32, 32, 32)
    highlight_fill: Colour = (255, 220, 220)
    highlight_outline: Colour = (198, 24, 24)
    outline_px: float = Field(default=3, ge=1, le=6)
    font_px: float = Field(default=15, ge=10, le=40)

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        if luma(self.background) < MIN_BACKGROUND_LUMA or luma(self.ink) > MAX_INK_LUMA:
            raise ValueError("the background must be bright and the ink dark")
        if max(redness(self.background), redness(self.ink)) > MAX_REDNESS:
            raise ValueError("background and ink must not be reddish: the verifier looks for red")
        if (
            redness(self.highlight_outline) < MIN_OUTLINE_REDNESS
            or redness(self.highlight_fill) < MIN_FILL_REDNESS
        ):
            raise ValueError("the highlight must be red: the verifier looks for red")
        return self


def luma(colour: Colour) -> float:
    """Brightness of a colour, 0 to 255 (BT.601 weights)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def redness(colour: Colour) -> int:
    """How far red stands out of a colour: R - max(G, B)."""
    return colour[0] - max(colour[1:])
