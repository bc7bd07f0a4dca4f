"""How hard a figure is to judge by eye, and how it is drawn."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from vtb.core.config import Config, FigureSide

REFERENCE_PX = 512
# Room between two markers, px on a canvas of 512.
MARKER_ROOM_PX = 6
# Of 144 true clips none failed with markers of 4.65 px radius, 4 with 4.38, 45 with 4.
MIN_MARKER_PX = 4.6


class EyeballingConfig(Config):
    """The difficulty of a construction.

    `canvas` is (height, width) in px. `gap` bounds the distance from the right option to the
    nearest distractor and `margin` the empty border, as shares of the canvas's short side;
    `spread` is the largest distance of two options in a cluster of five, in gaps. `point_radius`
    and `line_width` are px on a canvas of 512 and grow with it. `options` are offered, one of them
    right.
    """

    canvas: tuple[FigureSide, FigureSide] = (512, 512)
    gap: tuple[float, float] = (0.055, 0.055)
    spread: float = Field(default=2.4, ge=2, le=5)
    point_radius: float = Field(default=10, ge=4, le=24)
    line_width: float = Field(default=5, ge=1, le=12)
    margin: float = Field(default=0.06, ge=0.02, le=0.15)
    options: int = Field(default=5, ge=3, le=8)

    @model_validator(mode="after")
    def _gap(self) -> Self:
        low, high = self.gap
        least = (2 * self.point_radius + MARKER_ROOM_PX) / REFERENCE_PX
        if not 0.02 <= low <= high <= 0.25:
            raise ValueError("gap is (lowest, highest), both from 0.02 to 0.25")
        radius_px = self.point_radius * min(self.canvas) / REFERENCE_PX
        if radius_px < MIN_MARKER_PX:
            raise ValueError(
                f"markers of radius {radius_px:.1f} px are too small to be read: at least "
                f"{MIN_MARKER_PX} px, by a larger point_radius or canvas"
            )
        if low < least:
            raise ValueError(
                f"a gap of {low:g} lets markers of radius {self.point_radius:g} overlap: "
                f"at least {least:.4f}, or a smaller point_radius"
            )
        return self
