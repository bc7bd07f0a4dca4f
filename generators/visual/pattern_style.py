"""How pattern puzzles are drawn: colours and an outline that change no answer."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from vtb.core.config import Colour, Config

from .figures import HIDDEN, INK
from .palette import COLOURS, SHADES

BACKGROUND = "background"
# How much white (above 0) or black (below 0) makes each of `SHADES`.
SHADE_MIX = (0.3, -0.03, -0.26, -0.48)
# Distances in CIELAB that stay visible after lossy encoding at half size.
MIN_COLOUR_DISTANCE = 18
MIN_HIDDEN_DISTANCE = 24
MIN_SHADE_DISTANCE = 9
MIN_INK_DISTANCE = 35
# Of 255: the verifier lays pictures over each other by their red channel.
MIN_RED_STEP = 100


class PatternStyle(Config):
    """Colours (RGB, 0 to 255) by what they stand for.

    `hidden` fills the place to be filled in. `outline` is the width of outlines as a share of the
    short side.
    """

    background: Colour = (255, 255, 255)
    ink: Colour = (52, 56, 66)
    hidden: Colour = (238, 238, 238)
    blue: Colour = (111, 168, 220)
    green: Colour = (147, 196, 125)
    yellow: Colour = (255, 217, 102)
    red: Colour = (224, 102, 102)
    purple: Colour = (142, 124, 195)
    orange: Colour = (246, 178, 107)
    outline: float = Field(default=0.006, ge=0.003, le=0.012)

    def rgb(self, name: str) -> Colour:
        """The colour of a name in `palette`, such as `blue` or `dark blue`, or in `figures`."""
        if name in (HIDDEN, INK, BACKGROUND):
            return {HIDDEN: self.hidden, INK: self.ink, BACKGROUND: self.background}[name]
        *shade, hue = name.rsplit(" ", 1)
        colour = self._hues()[hue]
        return _mixed(colour, SHADE_MIX[SHADES.index(shade[0])]) if shade else colour

    def _hues(self) -> dict[str, Colour]:
        hues = (self.blue, self.green, self.yellow, self.red, self.purple, self.orange)
        return dict(zip(COLOURS, hues, strict=True))

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        from .lab import distance, lab  # OpenCV is needed only where something is drawn

        names = sorted({name for one, other, _ in _PAIRS for name in (one, other)})
        colours = lab(np.array([[self.rgb(name) for name in names]], np.uint8))[0]
        apart = distance(colours[:, None], colours[None])
        for one, other, least in _PAIRS:
            if apart[names.index(one), names.index(other)] < least:
                raise ValueError(f"{one} and {other} look too much alike")
        if abs(self.ink[0] - self.background[0]) < MIN_RED_STEP:
            raise ValueError("outlines and background look too much alike in the red channel")
        return self


def _mixed(colour: Colour, share: float) -> Colour:
    target = 255 if share > 0 else 0
    red, green, blue = (round(c + abs(share) * (target - c)) for c in colour)
    return red, green, blue


def _pairs() -> tuple[tuple[str, str, float], ...]:
    """Names whose colours must be told apart, with their least distance."""
    shades = [[f"{shade} {hue}" for shade in SHADES] for hue in COLOURS]
    fills = [*COLOURS, *(row[end] for row in shades for end in (0, -1))]
    return (
        *((*pair, MIN_COLOUR_DISTANCE) for pair in combinations(COLOURS, 2)),
        *((*pair, MIN_SHADE_DISTANCE) for row in shades for pair in pairwise(row)),
        *((name, HIDDEN, MIN_HIDDEN_DISTANCE) for name in fills),
        *((name, BACKGROUND, MIN_HIDDEN_DISTANCE) for name in fills),
        (INK, BACKGROUND, MIN_INK_DISTANCE),
        (INK, HIDDEN, MIN_INK_DISTANCE),
    )


_PAIRS = _pairs()
