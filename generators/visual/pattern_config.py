"""What every pattern puzzle lets a user choose."""

from __future__ import annotations

from vtb.core.config import Config, FigureSide


class PatternConfig(Config):
    """`canvas` is (height, width) in px; the pattern fills the square in its middle."""

    canvas: tuple[FigureSide, FigureSide] = (512, 512)
