"""Named numbers that say how hard a maze is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise

from .carve import Graph
from .grid import SquareGrid
from .solve import count_shortest_paths


def maze_difficulty(
    opened: Graph,
    path: Sequence[int],
    headings: Sequence[Hashable],
    *,
    path_cells: int,
    detour: float,
    braid_share: float,
) -> dict[str, float]:
    """The difficulty of the maze `opened` whose solution is `path`, a list of rooms.

    `path_cells` and `path_rooms` are the cells and rooms on the path, `turns` the changes between
    the `headings` of its moves, `branching` the junctions on it, `dead_ends` those of the whole
    maze, `detour` its length over the straight distance, `cells` the number of rooms, `n_shortest`
    the number of shortest paths.
    """
    return {
        "path_cells": float(path_cells),
        "path_rooms": float(len(path)),
        "turns": float(sum(a != b for a, b in pairwise(headings))),
        "dead_ends": float(sum(len(doors) == 1 for doors in opened)),
        "branching": float(sum(len(opened[room]) > 2 for room in path)),
        "detour": detour,
        "braid": braid_share,
        "cells": float(len(opened)),
        "n_shortest": float(count_shortest_paths(opened, path[0], path[-1])),
    }


def square_difficulty(
    grid: SquareGrid, opened: Graph, path: Sequence[int], braid_share: float
) -> dict[str, float]:
    """The difficulty of a square maze; distances are measured in rooms."""
    wide = grid.cols // 2
    (y0, x0), (y1, x1) = divmod(path[0], wide), divmod(path[-1], wide)
    moves = [b - a for a, b in pairwise(path)]
    return maze_difficulty(
        opened,
        path,
        moves,
        path_cells=2 * len(moves) + 1,
        detour=len(moves) / math.hypot(y1 - y0, x1 - x0),
        braid_share=braid_share,
    )
