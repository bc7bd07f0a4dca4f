"""What every pattern puzzle lets a user choose."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from vtb.core.config import Config

MULTIPLE_PX = 32


def _multiple(side_px: int) -> int:
    if side_px % MULTIPLE_PX:
        raise ValueError(f"sides of a canvas are multiples of {MULTIPLE_PX} px")
    return side_px


Side = Annotated[int, Field(ge=224, le=2048), AfterValidator(_multiple)]


class PatternConfig(Config):
    """`canvas` is (height, width) in px; the pattern fills the square in its middle."""

    canvas: tuple[Side, Side] = (512, 512)
