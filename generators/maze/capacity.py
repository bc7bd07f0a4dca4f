"""How many different mazes there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb

from .carve import Edge, Graph, edges_of, opened_graph
from .solve import distances

MAX_COUNTED_ROOMS = 144
MAX_ENUMERATED_ROOMS = 9


def maze_capacity(
    graph: Graph,
    *,
    loops: bool = False,
    ends: Sequence[Edge] | None = None,
    min_path: int = 2,
    max_path: int | None = None,
) -> int | None:
    """Number of puzzles (open edges, unordered ends) on a graph of rooms, or an upper bound of it.

    `loops` counts every connected maze, not only trees; `ends` are the pairs of rooms to choose
    from instead of any; `min_path` and `max_path` bound the rooms on the shortest path. Up to 9
    rooms all mazes are enumerated. Above, trees are counted exactly and the product with the number
    of pairs is exact for any pair and `min_path` up to 3, else a bound; with loops 2^edges is a
    bound. None above 144 rooms: the number has over 70 digits and no dataset comes near it.
    """
    num_rooms = len(graph)
    if num_rooms <= MAX_ENUMERATED_ROOMS:
        longest = max_path or num_rooms
        mazes = connected_mazes(graph, len(edges_of(graph)) if loops else num_rooms - 1)
        return sum(_num_pairs(maze, ends, min_path, longest) for maze in mazes)
    if num_rooms > MAX_COUNTED_ROOMS:
        return None
    num_mazes = 2 ** len(edges_of(graph)) if loops else count_spanning_trees(graph)
    if ends is not None:
        return num_mazes * len(ends)
    # A connected maze has at least num_rooms - 1 adjacent pairs, a tree exactly that many.
    return num_mazes * (comb(num_rooms, 2) - (num_rooms - 1) * (min_path > 2))


def count_spanning_trees(graph: Graph) -> int:
    """Number of spanning trees, exactly: any cofactor of the Laplacian (Kirchhoff's theorem).

    The determinant is eliminated in integers (Bareiss 1968). No pivoting is needed, because the
    leading minors of a connected graph's reduced Laplacian are positive.
    """
    size = len(graph) - 1
    matrix = [[0] * size for _ in range(size)]
    for room in range(size):
        matrix[room][room] = len(graph[room])
        for neighbour in graph[room]:
            if neighbour < size:
                matrix[room][neighbour] = -1
    previous = 1
    for k in range(size - 1):
        pivot_row = matrix[k]
        pivot = pivot_row[k]
        for row in matrix[k + 1 :]:
            factor = row[k]
            for j in range(k + 1, size):
                row[j] = (pivot * row[j] - factor * pivot_row[j]) // previous
        previous = pivot
    return matrix[-1][-1] if size else 1


def connected_mazes(graph: Graph, max_edges: int) -> Iterator[list[list[int]]]:
    """Every connected maze of at most `max_edges` open edges, as the neighbour lists it opens."""
    edges = edges_of(graph)
    for count in range(len(graph) - 1, max_edges + 1):
        for chosen in combinations(edges, count):
            maze = opened_graph(len(graph), chosen)
            if -1 not in distances(maze, 0):
                yield maze


def _num_pairs(maze: Graph, ends: Sequence[Edge] | None, min_path: int, max_path: int) -> int:
    if ends is not None:
        pairs = [distances(maze, start)[goal] for start, goal in ends]
    else:
        pairs = [moves for room in range(len(maze)) for moves in distances(maze, room)[room + 1 :]]
    return sum(min_path <= moves + 1 <= max_path for moves in pairs)
