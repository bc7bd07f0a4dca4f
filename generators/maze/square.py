"""Square mazes: find the way between two marked blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vtb.core.errors import UsageError, VtbError
from vtb.core.frames import FramePlan
from vtb.core.types import Array, Content, Instance, Json, Picture, Rendering

from .carve import Edge, Graph
from .config import SquareConfig
from .difficulty import square_difficulty
from .graph import MazeGraph, square_graph
from .grid import OPEN, square_grid, square_symmetries
from .layout import SquareLayout, foreign_layout, square_layout
from .puzzle import Ends, Maze, braid_share_of
from .read_square import read_square
from .render import draw_ids, draw_puzzle, draw_solution, maze_frames, maze_palette, path_width_px
from .style import SquareStyle
from .videothinkbench import square_fields
from .wording import Marker

if TYPE_CHECKING:
    from .scene import Scene
    from .sketch import Sketch


class SquareMaze(Maze[SquareConfig, SquareStyle]):
    """Mazes on a square grid whose walls are blocks as thick as the corridors."""

    name: ClassVar[str] = "maze-square"
    task: ClassVar[str] = "maze_square"
    summary: ClassVar[str] = "find the way through a square maze"
    size_keys: ClassVar[tuple[str, ...]] = ("rows", "cols")
    marker: ClassVar[Marker] = "square"
    Config = SquareConfig
    Style = SquareStyle

    def rooms(self, config: SquareConfig) -> Graph:
        return square_grid(config.rows, config.cols).neighbours

    def corners(self, config: SquareConfig) -> Sequence[Ends]:
        return (Ends(start=0, goal=config.num_rooms - 1, root=0),)

    def content(
        self, config: SquareConfig, edges: Sequence[Edge], opened: Graph, path: Sequence[int]
    ) -> Content:
        """The puzzle as stored, after checking the solution against the stored grid."""
        grid = square_grid(config.rows, config.cols)
        difficulty = square_difficulty(grid, opened, path, braid_share_of(config))
        solution = grid.block_path(path)
        text = grid.text(edges)
        steps = {abs(a - b) for a, b in pairwise(solution)}
        whole = "".join(text)
        if not steps <= {1, grid.cols} or any(whole[block] != OPEN for block in solution):
            raise VtbError("the drawn solution is not a path of the drawn maze", fact=str(solution))
        data = {
            "rows": grid.rows,
            "cols": grid.cols,
            "grid": text,
            "start": solution[0],
            "goal": solution[-1],
        }
        return Content(data, solution, difficulty)

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """Size, unordered ends and passage bits of the eight images, the maze's own first."""
        tables = square_symmetries(data["rows"], data["cols"])
        text = np.frombuffer("".join(data["grid"]).encode(), np.uint8)
        passages = np.packbits(text[tables.passages] == ord(OPEN), axis=1)
        ends = np.sort(tables.moved[:, [data["start"], data["goal"]]], axis=1)
        for shape, pair, bits in zip(tables.shapes, ends.tolist(), passages, strict=True):
            yield struct.pack("<4I", *shape, *pair) + bits.tobytes()

    def render(self, instance: Instance, style: SquareStyle, plan: FramePlan) -> Rendering:
        """Draws with one palette; `extra` has the puzzle with every block's id printed on it."""
        data, path = instance.data, instance.solution
        layout = _layout(data, style)
        palette = maze_palette(style)
        puzzle = draw_puzzle(layout, data["grid"], data["start"], data["goal"])
        solution = draw_solution(puzzle, layout, path, path_width_px(layout, style))
        return Rendering(
            puzzle=Picture(puzzle, palette),
            solution=Picture(solution, palette),
            frames=maze_frames(Picture(puzzle, palette), layout, path, style, plan),
            extra={"image_vlm": draw_ids(puzzle, layout, style)},
        )

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        style = SquareStyle.model_validate(instance.style)
        return square_fields(instance, _layout(instance.data, style))

    def from_videothinkbench(
        self, fields: Mapping[str, Json], puzzle: Array
    ) -> tuple[Content, Mapping[str, Json]]:
        return read_square(fields, puzzle)

    def graph(self, instance: Instance) -> MazeGraph:
        return square_graph(instance)

    def scene(self, instance: Instance) -> Scene:
        from .square_scene import square_scene

        return square_scene(instance)

    def sketch(self, instance: Instance, puzzle: Array) -> Sketch:
        from .square_scene import square_sketch

        return square_sketch(instance, puzzle)


def _layout(data: Mapping[str, Json], style: SquareStyle) -> SquareLayout:
    try:
        return foreign_layout(data) or square_layout(
            data["rows"], data["cols"], style.cell, style.canvas
        )
    except ValueError as error:
        raise UsageError(
            "the maze does not fit its canvas", fact=str(error), hint="a larger --canvas, or none"
        ) from error
