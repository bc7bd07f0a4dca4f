"""Carving: spanning trees of any graph of rooms, and loops added to them.

A graph is a list of neighbour lists; a maze is the list of edges between rooms that are open.
Nothing here knows about squares or hexagons, and nothing recurses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from vtb.core.rng import Rng

Graph: TypeAlias = Sequence[Sequence[int]]
Edge: TypeAlias = tuple[int, int]
Algorithm = Literal["wilson", "dfs", "prim", "kruskal", "braid"]


def carve(
    graph: Graph, algorithm: Algorithm, root: int, braid_share: float, rng: Rng
) -> list[Edge]:
    """The open edges of a maze on a connected graph.

    `root` is where carving starts; it shapes the trees of `dfs` and `prim` only. `braid` is a
    Wilson tree with `braid_share` of its dead ends opened, every other algorithm gives a tree.
    """
    match algorithm:
        case "wilson":
            return wilson(graph, root, rng)
        case "dfs":
            return dfs(graph, root, rng)
        case "prim":
            return prim(graph, root, rng)
        case "kruskal":
            return kruskal(graph, rng)
        case "braid":
            return braid(graph, wilson(graph, root, rng), braid_share, rng)


def wilson(graph: Graph, root: int, rng: Rng) -> list[Edge]:
    """A uniformly random spanning tree, by loop-erased random walks (Wilson, STOC 1996)."""
    random = rng.random
    in_tree = bytearray(len(graph))
    in_tree[root] = 1
    following = [root] * len(graph)
    edges: list[Edge] = []
    for first in range(len(graph)):
        room = first
        while not in_tree[room]:  # overwriting `following` is what erases the loops
            options = graph[room]
            following[room] = room = options[int(random() * len(options))]
        room = first
        while not in_tree[room]:
            in_tree[room] = 1
            edges.append((room, following[room]))
            room = following[room]
    return edges


def dfs(graph: Graph, root: int, rng: Rng) -> list[Edge]:
    """A spanning tree by randomised depth-first search: long corridors, few branches."""
    visited = bytearray(len(graph))
    visited[root] = 1
    edges: list[Edge] = []
    stack = [(root, _shuffled(graph[root], rng))]
    while stack:
        room, untried = stack[-1]
        if not untried:
            stack.pop()
            continue
        neighbour = untried.pop()
        if not visited[neighbour]:
            visited[neighbour] = 1
            edges.append((room, neighbour))
            stack.append((neighbour, _shuffled(graph[neighbour], rng)))
    return edges


def prim(graph: Graph, root: int, rng: Rng) -> list[Edge]:
    """A spanning tree grown over uniformly drawn frontier edges: many short dead ends."""
    visited = bytearray(len(graph))
    visited[root] = 1
    edges: list[Edge] = []
    frontier = [(root, neighbour) for neighbour in graph[root]]
    while frontier:
        drawn = rng.below(len(frontier))
        frontier[drawn], frontier[-1] = frontier[-1], frontier[drawn]
        edge = frontier.pop()
        room = edge[1]
        if not visited[room]:
            visited[room] = 1
            edges.append(edge)
            frontier.extend((room, neighbour) for neighbour in graph[room])
    return edges


def kruskal(graph: Graph, rng: Rng) -> list[Edge]:
    """The spanning tree of a random edge order, which is not a uniform tree."""
    leader = list(range(len(graph)))

    def find(room: int) -> int:
        while leader[room] != room:
            leader[room] = room = leader[leader[room]]
        return room

    candidates = edges_of(graph)
    rng.shuffle(candidates)
    edges: list[Edge] = []
    for a, b in candidates:
        side_a, side_b = find(a), find(b)
        if side_a != side_b:
            leader[side_a] = side_b
            edges.append((a, b))
    return edges


def braid(graph: Graph, tree: Sequence[Edge], share: float, rng: Rng) -> list[Edge]:
    """The tree plus one random closed edge at each of `share` (0 to 1) of its dead ends.

    A dead end that an earlier opening has already joined counts as opened.
    """
    edges = list(tree)
    opened = opened_graph(len(graph), edges)
    ends = [room for room, doors in enumerate(opened) if len(doors) == 1]
    rng.shuffle(ends)
    for room in ends[: round(share * len(ends))]:
        closed = [neighbour for neighbour in graph[room] if neighbour not in opened[room]]
        if len(opened[room]) == 1 and closed:
            neighbour = rng.choice(closed)
            edges.append((room, neighbour))
            opened[room].append(neighbour)
            opened[neighbour].append(room)
    return edges


def opened_graph(num_rooms: int, edges: Sequence[Edge]) -> list[list[int]]:
    """The neighbour lists of the maze itself."""
    graph: list[list[int]] = [[] for _ in range(num_rooms)]
    for a, b in edges:
        graph[a].append(b)
        graph[b].append(a)
    return graph


def edges_of(graph: Graph) -> list[Edge]:
    """Every edge once, as (smaller, larger), in ascending order of neighbour lists."""
    return [(a, b) for a, doors in enumerate(graph) for b in doors if a < b]


def _shuffled(rooms: Sequence[int], rng: Rng) -> list[int]:
    order = list(rooms)
    rng.shuffle(order)
    return order
