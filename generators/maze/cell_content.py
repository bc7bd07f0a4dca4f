"""Mazes with walls between their cells as stored, drawn here or read from a record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from vtb.core.errors import VtbError
from vtb.core.types import Content

from .board import Board
from .carve import Edge, opened_graph
from .difficulty import maze_difficulty


def cell_content(
    board: Board,
    size: Mapping[str, int],
    edges: Sequence[Edge],
    path: Sequence[int],
    braid_share: float,
) -> Content:
    """The puzzle with these open edges and this path of cells.

    Raises VtbError when the path leaves the open edges.
    """
    passages = sorted([min(edge), max(edge)] for edge in edges)
    is_open = {(a, b) for a, b in passages}
    if any((min(step), max(step)) not in is_open for step in pairwise(path)):
        raise VtbError("the drawn solution is not a path of the drawn maze", fact=str(list(path)))
    steps = [board.steps[step] for step in pairwise(path)]
    difficulty = maze_difficulty(
        opened_graph(len(board.points), edges),
        path,
        [step.heading for step in steps],
        path_cells=len(path),
        detour=math.fsum(step.length for step in steps)
        / math.dist(board.points[path[0]], board.points[path[-1]]),
        braid_share=braid_share,
    )
    data = {**size, "passages": passages, "start": path[0], "goal": path[-1]}
    return Content(data, list(path), difficulty)
