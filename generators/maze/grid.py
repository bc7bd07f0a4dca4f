"""The rooms of a square maze, its symmetries, and its blocks as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .carve import Edge, Graph

WALL, OPEN = "#", "."


@dataclass(frozen=True, slots=True)
class SquareGrid:
    """`rows` x `cols` blocks of which those at odd (row, col) are rooms.

    `blocks[i]` is the block id (`row * cols + col`) of room i, in reading order; `neighbours` is
    the graph of rooms with ascending neighbour lists.
    """

    rows: int
    cols: int
    blocks: tuple[int, ...]
    neighbours: Graph

    def text(self, edges: Iterable[Edge]) -> list[str]:
        """The maze as rows of `#` and `.`, rooms and the blocks of `edges` open."""
        flat = bytearray(WALL.encode() * (self.rows * self.cols))
        for block in self.blocks:
            flat[block] = ord(OPEN)
        for a, b in edges:
            flat[self._between(a, b)] = ord(OPEN)
        whole = flat.decode()
        return [whole[i : i + self.cols] for i in range(0, len(whole), self.cols)]

    def block_path(self, rooms: Sequence[int]) -> list[int]:
        """The block ids of a path of rooms, the blocks between them included."""
        path = [self.blocks[rooms[0]]]
        for a, b in pairwise(rooms):
            path += (self._between(a, b), self.blocks[b])
        return path

    def _between(self, a: int, b: int) -> int:
        return (self.blocks[a] + self.blocks[b]) // 2


@lru_cache(maxsize=64)
def square_grid(rows: int, cols: int) -> SquareGrid:
    """The grid of `rows` x `cols` blocks, both odd."""
    high, wide = rows // 2, cols // 2
    blocks = tuple((2 * r + 1) * cols + 2 * c + 1 for r in range(high) for c in range(wide))
    neighbours = tuple(
        tuple(
            room + step
            for step, inside in (
                (-wide, r > 0),
                (-1, c > 0),
                (1, c < wide - 1),
                (wide, r < high - 1),
            )
            if inside
        )
        for room, (r, c) in enumerate((r, c) for r in range(high) for c in range(wide))
    )
    return SquareGrid(rows, cols, blocks, neighbours)


@dataclass(frozen=True, slots=True)
class Symmetries:
    """Where the eight symmetries of the square send the blocks of a maze, the identity first.

    `shapes` are (rows, cols) of the images. `passages` (8, P) are the block ids of the original
    that land on the blocks between two rooms, in reading order of the image. `moved` (8, B) are
    the block ids, in the image, of the original's blocks.
    """

    shapes: tuple[tuple[int, int], ...]
    passages: NDArray[np.int32]
    moved: NDArray[np.int32]


@lru_cache(maxsize=64)
def square_symmetries(rows: int, cols: int) -> Symmetries:
    """The tables for mazes of `rows` x `cols` blocks."""
    ids = np.arange(rows * cols, dtype=np.int32).reshape(rows, cols)
    sources = [view[::dy, ::dx] for view in (ids, ids.T) for dy in (1, -1) for dx in (1, -1)]
    return Symmetries(
        shapes=tuple((view.shape[0], view.shape[1]) for view in sources),
        passages=np.stack([view[_between_rooms(*view.shape)] for view in sources]),
        moved=np.stack([np.argsort(view, axis=None).astype(np.int32) for view in sources]),
    )


def _between_rooms(rows: int, cols: int) -> NDArray[np.bool_]:
    inside = np.zeros((rows, cols), dtype=bool)
    inside[1:-1, 1:-1] = True
    return inside & (np.add.outer(np.arange(rows), np.arange(cols)) % 2 == 1)
