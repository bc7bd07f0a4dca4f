"""The arc that goes on behind a wide band, under which all arcs run on to its middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .arc_connect import ArcConnect
from .board import Board, Figure
from .shapes import Shape


class ArcConnectPointVer(ArcConnect):
    """Which of the arcs on the right meets the one on the left behind the band?"""

    name: ClassVar[str] = "eyeballing-arc-connect-point-ver"
    task: ClassVar[str] = "arc_connect_point_ver"
    summary: ClassVar[str] = "find the arc that meets another behind a band"
    band: ClassVar[float] = 0.35
    seen_deg: ClassVar[float] = 20
    hidden: ClassVar[float] = 1.0

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        return []
