"""The one font of every picture: printable ASCII of DejaVu Sans Bold, shipped with the package.

Fonts are never looked up by name, so that a drawing is the same on every machine.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont

FONT = Path(__file__).with_name("DejaVuSans-Bold.ttf")


@cache
def font(size_px: float) -> ImageFont.FreeTypeFont:
    """The font at `size_px` pixels per em."""
    return ImageFont.truetype(str(FONT), size_px, layout_engine=ImageFont.Layout.BASIC)
