"""What VideoThinkBench records of a square maze, besides the fields of every puzzle."""

from __future__ import annotations

from collections.abc import Mapping

from vtb.core.types import Instance, Json

from .grid import OPEN
from .layout import SquareLayout


def square_fields(instance: Instance, layout: SquareLayout) -> Mapping[str, Json]:
    """The maze's fields in `data.json`.

    `maze_grid` is 0 for a passage and 1 for a wall; `start` and `goal` are [row, col], the
    `…_point` their centres [x, y] in px. `cell_bboxes` holds rows of [left, top, right, bottom] in
    px, right and bottom exclusive. `padding` is [left, top, right, bottom] in px.
    """
    data, rows, cols = instance.data, layout.rows, layout.cols
    right = layout.width - layout.left - cols * layout.cell
    bottom = layout.height - layout.top - rows * layout.cell
    return {
        "start_point": _centre(layout, data["start"]),
        "goal_point": _centre(layout, data["goal"]),
        "solution_path_cell_ids": list(instance.solution),
        "grid_size": [rows, cols],
        "cell_size": layout.cell,
        "maze_grid": [[int(block != OPEN) for block in line] for line in data["grid"]],
        "start": list(divmod(data["start"], cols)),
        "goal": list(divmod(data["goal"], cols)),
        "cell_bboxes": [[_box(layout, r * cols + c) for c in range(cols)] for r in range(rows)],
        "padding": [layout.left, layout.top, right, bottom],
        "path_joint_style": "square",
    }


def _box(layout: SquareLayout, block: int) -> list[int]:
    x, y = layout.corner(block)
    return [x, y, x + layout.cell, y + layout.cell]


def _centre(layout: SquareLayout, block: int) -> list[float]:
    x, y = layout.corner(block)
    return [x + layout.cell / 2, y + layout.cell / 2]
