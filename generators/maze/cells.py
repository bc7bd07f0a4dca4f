"""What hexagonal mazes and labyrinths share: walls lie between the cells, and ids are cells."""

from __future__ import annotations

import struct
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.frames import FramePlan
from vtb.core.types import Array, Content, Instance, Json, Rendering

from .board import Board
from .carve import Edge, Graph, opened_graph
from .cell_content import cell_content
from .cell_layout import CellLayout
from .config import MazeConfig
from .graph import MazeGraph
from .puzzle import Ends, Maze, braid_share_of
from .read_cells import read_maze
from .style import CellStyle
from .wording import Marker

if TYPE_CHECKING:
    from .scene import Scene
    from .sketch import Sketch
    from .stencil import Stencil

ConfigT = TypeVar("ConfigT", bound=MazeConfig)
StyleT = TypeVar("StyleT", bound=CellStyle)
LayoutT = TypeVar("LayoutT", bound=CellLayout)


class CellMaze(Maze[ConfigT, StyleT], Generic[ConfigT, StyleT, LayoutT]):
    """A maze on a `Board`: `data` has its size, the open edges as `passages`, and both ends."""

    marker: ClassVar[Marker] = "dot"

    @abstractmethod
    def board(self, size: Mapping[str, Any]) -> Board:
        """The board for the values of `size_keys`."""

    @abstractmethod
    def layout(self, data: Mapping[str, Json], style: StyleT) -> LayoutT:
        """Where the cells lie; a maze drawn elsewhere has its `layout` in `data`."""

    @abstractmethod
    def stencil(self, layout: LayoutT, style: StyleT) -> Stencil:
        """How mazes of a layout are drawn."""

    @abstractmethod
    def recorded(
        self, fields: Mapping[str, Json], height: int, width: int
    ) -> tuple[LayoutT, Sequence[int]]:
        """The layout and the two ends of a record of VideoThinkBench, drawn on such a canvas.

        Raises as a look-up or a conversion does.
        """

    def rooms(self, config: ConfigT) -> Graph:
        return self.board(vars(config)).neighbours

    def corners(self, config: ConfigT) -> Sequence[Ends]:
        board = self.board(vars(config))
        return [Ends(cell, board.centre, root=board.centre) for cell in board.border]

    def content(
        self, config: ConfigT, edges: Sequence[Edge], opened: Graph, path: Sequence[int]
    ) -> Content:
        size = {key: getattr(config, key) for key in self.size_keys}
        return cell_content(self.board(size), size, edges, path, braid_share_of(config))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """Size, unordered ends and open edges of every image, the maze's own first."""
        board = self.board(data)
        passages = np.packbits(board.opened(data["passages"])[board.sources], axis=1)
        ends = np.sort(board.moved[:, [data["start"], data["goal"]]], axis=1)
        size = [data[key] for key in self.size_keys]
        for pair, bits in zip(ends.tolist(), passages, strict=True):
            yield struct.pack(f"<{len(size) + 2}I", *size, *pair) + bits.tobytes()

    def render(self, instance: Instance, style: StyleT, plan: FramePlan) -> Rendering:
        """Draws with one palette; `extra` has the puzzle with every cell's id printed on it."""
        from .cell_render import render_maze

        layout = self.layout(instance.data, style)
        is_open = self.board(instance.data).opened(instance.data["passages"])
        maze = self.stencil(layout, style).draw(is_open)
        return render_maze(maze, layout, instance.solution, style, plan)

    def graph(self, instance: Instance) -> MazeGraph:
        data, board = instance.data, self.board(instance.data)
        opened = opened_graph(len(board.points), data["passages"])
        return MazeGraph(
            beside=tuple(map(tuple, board.neighbours)),
            neighbours=tuple(map(tuple, opened)),
            start=data["start"],
            goal=data["goal"],
            directed=instance.style["endpoints"] == "two-colour",
        )

    def scene(self, instance: Instance) -> Scene:
        from .cell_scene import cell_scene

        data, board = instance.data, self.board(instance.data)
        layout = self.layout(data, self.Style.model_validate(instance.style))
        is_open = board.opened(data["passages"])
        return cell_scene(layout, board, is_open.tobytes(), (data["start"], data["goal"]))

    def sketch(self, instance: Instance, puzzle: Array) -> Sketch:
        from .cell_scene import cell_sketch

        data, board = instance.data, self.board(instance.data)
        style = self.Style.model_validate(instance.style)
        layout, is_open = self.layout(data, style), board.opened(data["passages"])
        return cell_sketch(puzzle, self.scene(instance), style, layout, board, is_open)

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        layout = self.layout(instance.data, self.Style.model_validate(instance.style))
        path = list(instance.solution)
        return {
            "start_point": list(layout.centre(path[0])),
            "goal_point": list(layout.centre(path[-1])),
            "solution_path_cell_ids": path,
        }

    def from_videothinkbench(
        self, fields: Mapping[str, Json], puzzle: Array
    ) -> tuple[Content, Mapping[str, Json]]:
        try:
            values = {key: int(fields[key]) for key in self.size_keys}
            size = self.Config.model_validate(values).model_dump(include={*self.size_keys})
            layout, ends = self.recorded(fields, *puzzle.shape[:2])
            return read_maze(fields, puzzle, self.board(size), size, layout, ends)
        except (LookupError, TypeError, ValueError, UsageError) as error:
            fact = f"{type(error).__name__}: {error}"
            raise UnreadableError(f"the record holds no `{self.task}`", fact=fact) from error
