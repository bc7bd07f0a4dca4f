"""What every worksheet lets a user choose."""

from __future__ import annotations

from vtb.core.config import Config, FigureSide


class WorksheetConfig(Config):
    """`canvas` is (height, width) in px; without it a sheet has its own size."""

    canvas: tuple[FigureSide, FigureSide] | None = None
