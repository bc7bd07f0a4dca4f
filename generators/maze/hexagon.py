"""Hexagonal mazes: find the way between two marked cells of a honeycomb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vtb.core.types import Instance, Json

from .board import Board
from .cells import CellMaze
from .config import HexagonConfig
from .hexagon_board import hexagon_board, hexagon_cells
from .hexagon_layout import HexagonLayout, hexagon_layout
from .style import HexagonStyle

if TYPE_CHECKING:
    from .stencil import Stencil


class HexagonMaze(CellMaze[HexagonConfig, HexagonStyle, HexagonLayout]):
    """Mazes of hexagonal cells that together form a hexagon."""

    name: ClassVar[str] = "maze-hexagon"
    task: ClassVar[str] = "maze_hexagon"
    summary: ClassVar[str] = "find the way through a hexagonal maze"
    size_keys: ClassVar[tuple[str, ...]] = ("radius",)
    Config = HexagonConfig
    Style = HexagonStyle

    def board(self, size: Mapping[str, Any]) -> Board:
        return hexagon_board(size["radius"])

    def layout(self, data: Mapping[str, Json], style: HexagonStyle) -> HexagonLayout:
        if "layout" in data:
            return HexagonLayout(data["radius"], **data["layout"])
        return hexagon_layout(data["radius"], style.cell, style.wall_px, style.canvas)

    def stencil(self, layout: HexagonLayout, style: HexagonStyle) -> Stencil:
        from .hexagon_drawing import hexagon_stencil

        return hexagon_stencil(layout, style.light_rim)

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        data = instance.data
        layout = self.layout(data, HexagonStyle.model_validate(instance.style))
        cells = hexagon_cells(layout.radius)
        return {
            **super().videothinkbench(instance),
            "radius": layout.radius,
            "cell_radius": layout.cell,
            "wall_thickness": layout.wall,
            "start_cell": list(cells[data["start"]]),
            "goal_cell": list(cells[data["goal"]]),
        }

    def recorded(
        self, fields: Mapping[str, Json], height: int, width: int
    ) -> tuple[HexagonLayout, Sequence[int]]:
        radius, cell, wall = (
            int(fields[key]) for key in ("radius", "cell_radius", "wall_thickness")
        )
        ends = [
            hexagon_cells(radius).index(tuple(fields[key])) for key in ("start_cell", "goal_cell")
        ]
        return HexagonLayout(radius, cell, wall, height, width), ends
