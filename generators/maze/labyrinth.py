"""Labyrinths: find the way between two marked cells of concentric rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vtb.core.types import Instance, Json

from .board import Board
from .cells import CellMaze
from .config import LabyrinthConfig
from .labyrinth_board import labyrinth_board
from .labyrinth_layout import LabyrinthLayout, labyrinth_layout
from .style import LabyrinthStyle

if TYPE_CHECKING:
    from .stencil import Stencil


class LabyrinthMaze(CellMaze[LabyrinthConfig, LabyrinthStyle, LabyrinthLayout]):
    """Labyrinths of rings around a centre."""

    name: ClassVar[str] = "maze-labyrinth"
    task: ClassVar[str] = "maze_labyrinth"
    summary: ClassVar[str] = "find the way through a round labyrinth"
    size_keys: ClassVar[tuple[str, ...]] = ("rings", "segments")
    Config = LabyrinthConfig
    Style = LabyrinthStyle

    def board(self, size: Mapping[str, Any]) -> Board:
        return labyrinth_board(size["rings"], size["segments"])

    def layout(self, data: Mapping[str, Json], style: LabyrinthStyle) -> LabyrinthLayout:
        rings, segments = data["rings"], data["segments"]
        if "layout" in data:
            return LabyrinthLayout(rings, segments, **data["layout"])
        return labyrinth_layout(rings, segments, style.cell, style.wall_px, style.canvas)

    def stencil(self, layout: LabyrinthLayout, style: LabyrinthStyle) -> Stencil:
        from .labyrinth_drawing import labyrinth_stencil

        return labyrinth_stencil(layout)

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        data = instance.data
        layout = self.layout(data, LabyrinthStyle.model_validate(instance.style))
        return {
            **super().videothinkbench(instance),
            "rings": layout.rings,
            "total_rings": layout.rings + 1,
            "segments": layout.segments,
            "ring_width": layout.cell,
            "wall_thickness": layout.wall,
            "cells_per_ring": [1, *[layout.segments] * layout.rings],
            "start_cell": list(layout.place(data["start"])),
            "goal_cell": list(layout.place(data["goal"])),
        }

    def recorded(
        self, fields: Mapping[str, Json], height: int, width: int
    ) -> tuple[LabyrinthLayout, Sequence[int]]:
        rings, segments, cell, wall = (
            int(fields[key]) for key in ("rings", "segments", "ring_width", "wall_thickness")
        )
        layout = LabyrinthLayout(rings, segments, cell, wall, height, width)
        places = [layout.place(cell) for cell in range(layout.num_cells)]
        ends = [
            places.index((int(ring), int(segment)))
            for ring, segment in (fields["start_cell"], fields["goal_cell"])
        ]
        return layout, ends
