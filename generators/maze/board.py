"""Boards: cells with a wall or a passage between neighbours, and how they can be turned over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .carve import Edge, Graph, edges_of


class Step(NamedTuple):
    """A move between neighbours: equal headings are one straight line or one circle."""

    heading: int
    length: float


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """The cells of every maze of one size.

    `edges` lists each pair of `neighbours` once, as (smaller, larger). `steps` describes the moves
    between them, both ways, and `points` where cells lie; both measure in steps between
    neighbouring cells. Ends in `corners` mode are the `centre` and a cell of the `border`.
    `moved[k]` holds where symmetry k sends each cell (K, C), `sources[k]` which edge it sends to
    each edge (K, E); the first symmetry is the identity.
    """

    neighbours: Graph
    edges: tuple[Edge, ...]
    steps: Mapping[Edge, Step]
    points: Sequence[tuple[float, float]]
    border: Sequence[int]
    centre: int
    moved: NDArray[np.int32]
    sources: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        steps: Mapping[Edge, Step],
        points: Sequence[tuple[float, float]],
        border: Sequence[int],
        centre: int,
        moved: Sequence[Sequence[int]],
    ) -> Board:
        """The board whose cells have neighbours in the order of `steps`."""
        neighbours: list[list[int]] = [[] for _ in points]
        for a, b in steps:
            neighbours[a].append(b)
        edges = tuple(sorted(edges_of(neighbours)))
        images = np.array(moved, np.int32)
        ends = np.sort(images[:, np.array(edges)], axis=-1)  # of each edge in each image
        keys = ends[..., 0].astype(np.int64) * len(points) + ends[..., 1]
        sources = np.argsort(keys, axis=1).astype(np.int32)
        return cls(neighbours, edges, steps, points, border, centre, images, sources)

    def opened(self, passages: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """Which edges are open, (E,), of a maze with these passages (smaller, larger)."""
        wanted = {(a, b) for a, b in passages}
        return np.array([edge in wanted for edge in self.edges])
