"""The round, lettered markers of the options, plain and highlighted. Imports OpenCV."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vtb.core.frames import Window
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas, Colour

from .colours import PAPER
from .style import EyeballingStyle

MIN_FONT_PX = 9.0
# The radius that the style's sizes are meant for.
REFERENCE_RADIUS_PX = 10
# Room for the antialiased rim.
RIM_PX = 2
# Places of markers per pixel.
STEPS = 4


@dataclass(frozen=True, slots=True)
class Look:
    """The sizes of markers and strokes of one puzzle, px."""

    point_radius: float
    line_width: float
    outline: float
    font: float

    @classmethod
    def of(cls, data: Mapping[str, Json], style: EyeballingStyle) -> Look:
        """The look of a stored puzzle; outline and letter are as large as their marker."""
        radius = float(data["point_radius"])
        share = radius / REFERENCE_RADIUS_PX
        font = max(MIN_FONT_PX, style.font_px * share)
        return cls(radius, float(data["line_width"]), max(1.0, style.outline_px * share), font)

    def stroke(self, width: float) -> float:
        """The px of a stroke of `width` line widths."""
        return width * self.line_width


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A small drawing that can be laid over any shades: exactly `ground * through + ink`."""

    window: Window
    through: NDArray[np.float32]
    ink: NDArray[np.float32]

    def on(self, pixels: Array) -> None:
        """Lays it over pixels (H, W) in place."""
        part = pixels[self.window]
        part[:] = np.rint(part * self.through + self.ink)

    def touches(self, window: Window) -> bool:
        """Whether it covers any of a window."""
        (rows, columns), (others, beside) = self.window, window
        return (
            rows.start < others.stop
            and others.start < rows.stop
            and columns.start < beside.stop
            and beside.start < columns.stop
        )


def draw_marker(
    canvas: Canvas,
    place: complex,
    label: str,
    look: Look,
    outline: Colour,
    fill: Colour,
    ink: Colour,
) -> None:
    """A disc with outline and a capital in its middle."""
    centre = (place.real, place.imag)
    canvas.disc(centre, look.point_radius, outline)
    canvas.disc(centre, look.point_radius - look.outline, fill)
    canvas.text(centre, label, look.font, ink)


def draw_highlight(
    canvas: Canvas, place: complex, label: str, look: Look, style: EyeballingStyle
) -> None:
    """The marker of the option that is answered, on an RGB canvas."""
    colours = (style.highlight_outline, style.highlight_fill, style.ink)
    draw_marker(canvas, place, label, look, *colours)


def marker_box(place: complex, look: Look) -> Window:
    """What a marker covers, its rim included."""
    reach = look.point_radius + RIM_PX
    x, y = place.real, place.imag
    rows = slice(max(0, int(y - reach)), int(y + reach) + 1)
    return rows, slice(max(0, int(x - reach)), int(x + reach) + 1)


def snapped(place: complex) -> complex:
    """The nearest quarter of a pixel, which no eye can tell: equal markers share a drawing."""
    return complex(round(place.real * STEPS), round(place.imag * STEPS)) / STEPS


def marker_stamp(place: complex, label: str, look: Look) -> Stamp:
    """A plain marker at a snapped place."""
    rows, columns = marker_box(place, look)
    size = (rows.stop - rows.start, columns.stop - columns.start)
    inside = place - complex(columns.start, rows.start)
    return Stamp((rows, columns), *_layers(size, inside, label, look))


@lru_cache(maxsize=4096)
def _layers(
    size: tuple[int, int], inside: complex, label: str, look: Look
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much shines through a marker, and its own shades: drawn on black and on white."""
    grounds: list[NDArray[np.float32]] = []
    for grey in (0, 255):
        canvas = Canvas.blank(*size, grey)
        draw_marker(canvas, inside, label, look, outline=0, fill=255, ink=0)
        grounds.append(canvas.pixels.astype(np.float32))
    on_black, on_white = grounds
    return (on_white - on_black) / np.float32(255), on_black * np.float32(PAPER / 255)
