"""The cells of labyrinths: a centre, 0, and rings of equally many segments around it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from .board import Board, Step
from .carve import Edge

# Headings of moves along a ring; radial ones are angles in half segments.
COUNTER_CLOCKWISE, CLOCKWISE = -1, -2


@lru_cache(maxsize=64)
def labyrinth_board(rings: int, segments: int) -> Board:
    """The board of 1 + rings x segments cells; its border is the outer ring."""
    num_cells = 1 + rings * segments
    places = [divmod(cell - 1, segments) for cell in range(1, num_cells)]
    middles = [math.tau * (segment + 0.5) / segments for segment in range(segments)]
    return Board.of(
        dict(_steps(rings, segments)),
        points=[
            (0.0, 0.0),
            *(
                ((ring + 1) * math.cos(middles[k]), -(ring + 1) * math.sin(middles[k]))
                for ring, k in places
            ),
        ],
        border=range(num_cells - segments, num_cells),
        centre=0,
        moved=[
            [0, *(1 + ring * segments + (shift + sign * k) % segments for ring, k in places)]
            for sign in (1, -1)
            for shift in range(segments)
        ],
    )


def _steps(rings: int, segments: int) -> Iterator[tuple[Edge, Step]]:
    """The moves from each cell: out of the centre, or along the ring, inwards and outwards."""
    outwards = [Step(2 * k + 1, 1.0) for k in range(segments)]
    inwards = [Step((2 * k + 1 + segments) % (2 * segments), 1.0) for k in range(segments)]
    for k in range(segments):
        yield (0, 1 + k), outwards[k]
    for ring in range(1, rings + 1):
        first = 1 + (ring - 1) * segments
        arc = math.tau * ring / segments
        for k in range(segments):
            cell = first + k
            yield (cell, first + (k - 1) % segments), Step(CLOCKWISE, arc)
            yield (cell, first + (k + 1) % segments), Step(COUNTER_CLOCKWISE, arc)
            yield (cell, cell - segments if ring > 1 else 0), inwards[k]
            if ring < rings:
                yield (cell, cell + segments), outwards[k]
