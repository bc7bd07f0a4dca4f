"""Square mazes: find the way between two marked blocks."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np

from vtb.core.errors import UsageError, VtbError
from vtb.core.frames import FramePlan
from vtb.core.generator import AnswerKind, Generator
from vtb.core.rng import Rng
from vtb.core.types import (
    Content,
    Instance,
    Json,
    Language,
    Picture,
    Prediction,
    Rendering,
    Sample,
    Verdict,
)

from .capacity import maze_capacity
from .carve import Edge, carve, opened_graph
from .config import SquareConfig
from .difficulty import square_difficulty
from .grid import OPEN, SquareGrid, square_grid, square_symmetries
from .layout import SquareLayout, square_layout
from .render import draw_ids, draw_puzzle, draw_solution, maze_frames, maze_palette, path_width_px
from .solve import shortest_path
from .style import SquareStyle
from .videothinkbench import square_fields
from .wording import maze_words

ATTEMPTS = 1000


class SquareMaze(Generator[SquareConfig, SquareStyle]):
    """Mazes on a square grid whose walls are blocks as thick as the corridors."""

    name: ClassVar[str] = "maze-square"
    family: ClassVar[str] = "maze"
    task: ClassVar[str] = "maze_square"
    summary: ClassVar[str] = "find the way through a square maze"
    version: ClassVar[int] = 1
    answer_kind: ClassVar[AnswerKind] = "int_list"
    Config = SquareConfig
    Style = SquareStyle

    def sample(self, rng: Rng, config: SquareConfig) -> Content:
        """Draws maze and ends together until the path fits, which keeps puzzles uniform."""
        grid = square_grid(config.rows, config.cols)
        num_rooms = len(grid.blocks)
        longest = config.max_path or num_rooms
        for _ in range(ATTEMPTS):
            start, goal, root = _draw_rooms(rng, num_rooms, config.endpoints)
            edges = carve(grid.neighbours, config.algorithm, root, config.braid_share, rng)
            opened = opened_graph(num_rooms, edges)
            path = shortest_path(opened, start, goal)
            if config.min_path <= len(path) <= longest:
                braid_share = config.braid_share if config.algorithm == "braid" else 0.0
                difficulty = square_difficulty(grid, opened, path, braid_share)
                return _content(grid, edges, path, difficulty)
        raise VtbError(
            f"no path of {config.min_path} to {longest} rooms in {ATTEMPTS} mazes",
            fact=f"{config.algorithm}, {config.rows}x{config.cols} blocks, {num_rooms} rooms",
            hint="a wider band of --min-path and --max-path, or another --size",
        )

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(self.symmetries(data))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """Size, unordered ends and passage bits of the eight images, the maze's own first."""
        tables = square_symmetries(data["rows"], data["cols"])
        text = np.frombuffer("".join(data["grid"]).encode(), np.uint8)
        passages = np.packbits(text[tables.passages] == ord(OPEN), axis=1)
        ends = np.sort(tables.moved[:, [data["start"], data["goal"]]], axis=1)
        for shape, pair, bits in zip(tables.shapes, ends.tolist(), passages, strict=True):
            yield struct.pack("<4I", *shape, *pair) + bits.tobytes()

    def capacity(self, config: SquareConfig) -> int | None:
        """See `maze_capacity`; None for mazes of more than 144 rooms."""
        rooms = square_grid(config.rows, config.cols).neighbours
        return maze_capacity(
            rooms,
            loops=config.algorithm == "braid",
            ends=(0, len(rooms) - 1) if config.endpoints == "corners" else None,
            min_path=config.min_path,
            max_path=config.max_path,
        )

    def solution_key(self, instance: Instance) -> str:
        """The ids of a path mean other blocks in a maze of another size."""
        size = f"{instance.data['rows']}x{instance.data['cols']}"
        return f"{size} {super().solution_key(instance)}"

    def columns(self) -> tuple[str, ...]:
        return ("image_vlm",)

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        words = maze_words(SquareStyle.model_validate(instance.style), language)
        return {**words, "rows": instance.data["rows"], "cols": instance.data["cols"]}

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

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .verify import check

        return check(sample, prediction, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .corruptions import corruptions

        return corruptions(sample)

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        from .baselines import baseline

        return baseline(name, sample, seed)


def _draw_rooms(rng: Rng, num_rooms: int, endpoints: str) -> tuple[int, int, int]:
    """Start, goal (another room) and the room where carving starts."""
    if endpoints == "corners":
        return 0, num_rooms - 1, 0
    start, other = rng.below(num_rooms), rng.below(num_rooms - 1)
    return start, other + (other >= start), rng.below(num_rooms)


def _content(
    grid: SquareGrid, edges: Sequence[Edge], path: Sequence[int], difficulty: Mapping[str, float]
) -> Content:
    """The puzzle as stored, after checking the solution against the stored grid."""
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


def _layout(data: Mapping[str, Json], style: SquareStyle) -> SquareLayout:
    try:
        return square_layout(data["rows"], data["cols"], style.cell, style.canvas)
    except ValueError as error:
        raise UsageError(
            "the maze does not fit its canvas", fact=str(error), hint="a larger --canvas, or none"
        ) from error
