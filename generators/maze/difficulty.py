"""Named numbers that say how hard a square maze is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from .carve import Graph
from .grid import SquareGrid
from .solve import count_shortest_paths


def square_difficulty(
    grid: SquareGrid, opened: Graph, path: Sequence[int], braid_share: float
) -> dict[str, float]:
    """The difficulty of the maze `opened` whose solution is `path`, a list of rooms.

    `path_cells` and `path_rooms` are the blocks and rooms on the path, `turns` its corners,
    `branching` the junctions on it, `dead_ends` those of the whole maze, `detour` its length over
    the straight distance, `cells` the number of rooms, `n_shortest` the number of shortest paths.
    """
    wide = grid.cols // 2
    (y0, x0), (y1, x1) = divmod(path[0], wide), divmod(path[-1], wide)
    moves = [b - a for a, b in pairwise(path)]
    return {
        "path_cells": float(2 * len(moves) + 1),
        "path_rooms": float(len(path)),
        "turns": float(sum(a != b for a, b in pairwise(moves))),
        "dead_ends": float(sum(len(doors) == 1 for doors in opened)),
        "branching": float(sum(len(opened[room]) > 2 for room in path)),
        "detour": len(moves) / math.hypot(y1 - y0, x1 - x0),
        "braid": braid_share,
        "cells": float(len(opened)),
        "n_shortest": float(count_shortest_paths(opened, path[0], path[-1])),
    }
