"""The graph of a maze, and how far a list of its cells is a legal path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Instance, Reason

from .grid import OPEN
from .solve import distances

# A drawn path of one legal step may be a guess, or a mark of the start.
MIN_LEGAL_STEPS = 2


@dataclass(frozen=True, slots=True)
class MazeGraph:
    """Which ids lie side by side, and between which of them one may walk.

    `beside[i]` lists the ids next to id i, `neighbours[i]` those one can walk to; a wall has no
    neighbours. `directed`: the ends differ in colour, so a path runs from `start` to `goal` only.
    """

    beside: tuple[tuple[int, ...], ...]
    neighbours: tuple[tuple[int, ...], ...]
    start: int
    goal: int
    directed: bool

    @property
    def num_cells(self) -> int:
        """How many ids are cells, not walls."""
        return sum(map(bool, self.neighbours))

    def starts(self) -> tuple[int, ...]:
        """The ends at which a path may begin."""
        return (self.start,) if self.directed else (self.start, self.goal)

    def other_end(self, end: int) -> int:
        """The end that is not `end`."""
        return self.start if end == self.goal else self.goal


def square_graph(instance: Instance) -> MazeGraph:
    """The blocks of a square maze, which lie side by side whether open or not."""
    data = instance.data
    directed = instance.style["endpoints"] == "two-colour"
    return _square_graph(tuple(data["grid"]), data["start"], data["goal"], directed)


def path_fault(graph: MazeGraph, ids: Sequence[int]) -> Reason:
    """What is wrong with a list of ids as a path, the gravest first; `ok` if nothing is.

    A wall, or a step through one, is `touches_wall`; a step between ids that do not touch, or a
    path that does not join the ends, `disconnected`; a cell met twice `not_simple`; the right way
    walked backwards, where the direction is given, `wrong_answer`.
    """
    steps = set(pairwise(ids))
    if any(_is_wall(graph, i) for i in ids) or any(_through_wall(graph, *step) for step in steps):
        return Reason.TOUCHES_WALL
    joins_ends = {*ids[:1], *ids[-1:]} == {graph.start, graph.goal}
    if not (joins_ends and all(_is_open(graph, *step) for step in steps)):
        return Reason.DISCONNECTED
    if len(set(ids)) < len(ids):
        return Reason.NOT_SIMPLE
    return Reason.OK if ids[0] in graph.starts() else Reason.WRONG_ANSWER


def legal_prefix(graph: MazeGraph, ids: Sequence[int]) -> list[int]:
    """The ids before the first illegal step or repeat; none when the first is not a start."""
    if not ids or ids[0] not in graph.starts():
        return []
    legal = [ids[0]]
    met = {ids[0]}
    for cell in ids[1:]:
        if cell in met or not _is_open(graph, legal[-1], cell):
            break
        legal.append(cell)
        met.add(cell)
    return legal


def progress(graph: MazeGraph, legal: Sequence[int]) -> float:
    """1 - d(last cell, other end) / d(start, goal), at least 0; d counts steps of the best way."""
    if not legal:
        return 0.0
    left = distances(graph.neighbours, graph.other_end(legal[0]))
    return max(0.0, 1 - left[legal[-1]] / left[legal[0]])


def partial_score(graph: MazeGraph, legal: Sequence[int]) -> float:
    """What a failed drawing is worth: half its progress, 0 when fewer than two steps are legal."""
    return 0.5 * progress(graph, legal) if len(legal) > MIN_LEGAL_STEPS else 0.0


def list_score(graph: MazeGraph, legal: Sequence[int], num_ids: int) -> float:
    """What a failed list of ids is worth, at most 0.5: how near its legal prefix comes to the goal.

    It is 0.5 (L - min d(c)) / L times the share of the list that is legal; d counts steps of the
    best way to the other end, L is that of the start. So a longer legal way never earns less, even
    into a dead end, and what follows an illegal step lowers it.
    """
    if not legal:
        return 0.0
    left = distances(graph.neighbours, graph.other_end(legal[0]))
    nearest = min(left[cell] for cell in legal)
    return 0.5 * (1 - nearest / left[legal[0]]) * len(legal) / num_ids


def followed_path(graph: MazeGraph, links: NDArray[np.int32]) -> list[int]:
    """The cells met by following drawn passages (K, 2) from an end until they stop or branch.

    Of the walks from both ends it is the one that gets further; a picture has no direction.
    """
    linked = _linked(graph, links)
    walks = [_follow(linked, end, graph.other_end(end)) for end in (graph.start, graph.goal)]
    return max(walks, key=lambda walk: progress(graph, walk))


def are_linked(graph: MazeGraph, links: NDArray[np.int32]) -> bool:
    """Whether drawn passages (K, 2) join the two ends."""
    return distances(_linked(graph, links), graph.start)[graph.goal] >= 0


def _linked(graph: MazeGraph, links: NDArray[np.int32]) -> list[list[int]]:
    linked: list[list[int]] = [[] for _ in graph.neighbours]
    for a, b in links.tolist():
        linked[a].append(b)
        linked[b].append(a)
    return linked


def _follow(linked: Sequence[Sequence[int]], end: int, other_end: int) -> list[int]:
    walk = [end]
    ahead = linked[end]
    while len(ahead) == 1 and ahead[0] not in walk and walk[-1] != other_end:
        walk.append(ahead[0])
        ahead = [cell for cell in linked[walk[-1]] if cell != walk[-2]]
    return walk


def _exists(graph: MazeGraph, cell: int) -> bool:
    return 0 <= cell < len(graph.neighbours)


def _is_wall(graph: MazeGraph, cell: int) -> bool:
    return _exists(graph, cell) and not graph.neighbours[cell]


def _is_open(graph: MazeGraph, a: int, b: int) -> bool:
    return _exists(graph, a) and b in graph.neighbours[a]


def _through_wall(graph: MazeGraph, a: int, b: int) -> bool:
    return _exists(graph, a) and b in graph.beside[a] and b not in graph.neighbours[a]


@lru_cache(maxsize=64)
def _square_graph(grid: Sequence[str], start: int, goal: int, directed: bool) -> MazeGraph:
    rows, cols = len(grid), len(grid[0])
    is_open = [block == OPEN for block in "".join(grid)]
    beside = tuple(
        tuple(
            row * cols + col
            for row, col in ((r - 1, c), (r, c - 1), (r, c + 1), (r + 1, c))
            if 0 <= row < rows and 0 <= col < cols
        )
        for r in range(rows)
        for c in range(cols)
    )
    neighbours = tuple(
        tuple(other for other in near if is_open[other]) if is_open[block] else ()
        for block, near in enumerate(beside)
    )
    return MazeGraph(beside, neighbours, start, goal, directed)
