"""How worksheets are drawn: colours that change no answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from vtb.core.config import Colour, Config

# What the verifier tells apart after lossy encoding, of 255.
MIN_PAPER = 215
MAX_INK = 90
MIN_PENCIL_CONTRAST = 150

# Paints by name; text answers count them from 1. Any two stay apart at crf 23 and half size.
PAINTS: Mapping[str, Colour] = {
    "red": (214, 62, 62),
    "blue": (58, 120, 210),
    "green": (76, 168, 94),
    "yellow": (250, 206, 64),
    "purple": (146, 86, 184),
    "orange": (240, 138, 48),
}


class WorksheetStyle(Config):
    """Colours (RGB, 0 to 255): what is given is drawn in `ink` on `paper`, answers in `pencil`."""

    paper: Colour = (255, 255, 255)
    ink: Colour = (38, 42, 51)
    pencil: Colour = (28, 92, 204)

    def shade(self, share: float) -> Colour:
        """A colour between paper (0) and ink (1)."""
        red, green, blue = (
            round(p + share * (i - p)) for p, i in zip(self.paper, self.ink, strict=True)
        )
        return red, green, blue

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        if min(self.paper) < MIN_PAPER or max(self.ink) > MAX_INK:
            raise ValueError(
                f"paper must be bright (every channel {MIN_PAPER} or more), "
                f"ink dark ({MAX_INK} or less)"
            )
        if max(p - c for p, c in zip(self.paper, self.pencil, strict=True)) < MIN_PENCIL_CONTRAST:
            raise ValueError("the pencil must stand out from the paper")
        return self
