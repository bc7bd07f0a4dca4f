"""Shortest paths on any graph given as neighbour lists."""

from __future__ import annotations

from .carve import Graph


def distances(graph: Graph, source: int) -> list[int]:
    """Moves from `source` to every room by breadth-first search; -1 where there is no way."""
    found = [-1] * len(graph)
    found[source] = 0
    queue = [source]
    for room in queue:
        for neighbour in graph[room]:
            if found[neighbour] < 0:
                found[neighbour] = found[room] + 1
                queue.append(neighbour)
    return found


def shortest_path(graph: Graph, start: int, goal: int) -> list[int]:
    """The lexicographically smallest of the shortest paths, both ends included; [] if none."""
    left = distances(graph, goal)
    if left[start] < 0:
        return []
    path = [start]
    while path[-1] != goal:
        room = path[-1]
        path.append(min(n for n in graph[room] if left[n] == left[room] - 1))
    return path


def count_shortest_paths(graph: Graph, start: int, goal: int) -> int:
    """Number of different shortest paths between two rooms; 0 if there is none."""
    reached = distances(graph, start)
    ways = [0] * len(graph)
    ways[start] = 1
    for room in sorted(range(len(graph)), key=reached.__getitem__):
        for neighbour in graph[room]:
            if reached[room] >= 0 and reached[neighbour] == reached[room] + 1:
                ways[neighbour] += ways[room]
    return ways[goal]
