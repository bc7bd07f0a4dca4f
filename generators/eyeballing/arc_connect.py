"""The arc that goes on beyond a band; under the band itself nothing is drawn."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import ClassVar

from vtb.core.rng import Rng

from .board import Board, Draft, Figure, moved
from .drafting import is_possible
from .geometry import circumcentre, signed_turn
from .puzzle import Eyeballing
from .shapes import Arc, Box, Shape

RADII = (0.4, 0.52)
# No arc reaches farther from its top, so that neighbours stay apart where they are steep.
MAX_REACH_DEG = 60
MARKER_PX = 22


class ArcConnect(Eyeballing):
    """Which of the arcs on the right continues the one on the left?

    All belong to circles of one radius, a gap above each other. A piece of one is stored by its
    `outer` end, its `inner` end at or under the band, and the circle's `centre`.
    """

    name: ClassVar[str] = "eyeballing-arc-connect"
    task: ClassVar[str] = "arc_connect"
    group: ClassVar[str] = "line"
    summary: ClassVar[str] = "find the arc that continues another beyond a band"
    # The band's width as a share of the short side, and how much of each arc is seen beside it.
    band: ClassVar[float] = 0.18
    seen_deg: ClassVar[float] = 28
    # How far the given strokes go on under the band: 0 not at all, 1 to its middle.
    hidden: ClassVar[float] = 0.0

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        left, right, radius = self._pieces(rng, board)
        whole = _arc({**left, "inner": right["outer"]}, radius).box
        # Markers stand beside the right ends.
        top = min(whole.top, right["outer"].imag - board.point_radius)
        bottom = max(whole.bottom, right["outer"].imag + board.point_radius)
        highest = board.frame.top - top
        lowest = board.frame.bottom - bottom - (board.options - 1) * board.gap
        if lowest < highest:
            return None
        first = complex(board.width / 2, rng.uniform(highest, lowest))
        places = [first + place * board.gap * 1j for place in range(board.options)]
        rights = [moved(right, place) for place in places]
        beside = max(board.px(MARKER_PX), board.clearance + board.px(1))
        draft = Draft(
            positions=[piece["outer"] + beside for piece in rights],
            figures=[
                {"radius": radius, "left": moved(left, place), "right": rights} for place in places
            ],
            in_order=True,
        )
        return draft if is_possible(self, draft, board) else None

    def _pieces(self, rng: Rng, board: Board) -> tuple[Figure, Figure, float]:
        """A left and a right piece of one arc, the band's middle at 0, and the arc's radius."""
        radius, half = board.side * rng.uniform(*RADII), board.side * self.band / 2
        seen = math.radians(self.seen_deg)
        room = radius * math.sin(math.radians(MAX_REACH_DEG) - seen) - half
        centre, top = complex(rng.uniform(-room, room)), rng.choice((1j, -1j))

        def turn(x: float) -> float:
            return math.asin((x - centre.real) / radius)

        def rim(turn_rad: float) -> complex:
            return centre + radius * (math.sin(turn_rad) + top * math.cos(turn_rad))

        left, right = (
            {
                "outer": rim(turn(edge) + math.copysign(seen, edge)),
                "inner": rim(turn(edge * (1 - self.hidden))),
                "centre": centre,
            }
            for edge in (-half, half)
        )
        return left, right, radius

    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        return [_arc(piece, figure["radius"]) for piece in (figure["left"], *figure["right"])]

    def veil(self, figure: Figure, board: Board) -> Box:
        middle, half = board.width / 2, self.band * board.side / 2
        top, bottom = board.frame.top - board.line_width, board.frame.bottom + board.line_width
        return Box(middle - half, top, middle + half, bottom)

    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        left, right = figure["left"], _marked(figure, target)
        joint = {**left, "outer": left["inner"], "inner": right["inner"]}
        return [_arc(joint, figure["radius"])]

    def residual(self, figure: Figure, point: complex) -> float:
        # Arcs of one radius continue each other when their circles have the same centre.
        left, right = (
            _arc(piece, figure["radius"]) for piece in (figure["left"], _marked(figure, point))
        )
        return abs(_centre(left) - _centre(right))


def _arc(piece: Figure, radius: float) -> Arc:
    outer, inner = piece["outer"] - piece["centre"], piece["inner"] - piece["centre"]
    start, sweep = math.degrees(cmath.phase(outer)), math.degrees(signed_turn(outer, inner))
    return Arc(piece["centre"], radius, start, sweep)


def _centre(arc: Arc) -> complex:
    """The centre of the circle through three points of what is drawn."""
    start, sweep = arc.start_deg, arc.sweep_deg
    return circumcentre(arc.at(start), arc.at(start + sweep / 2), arc.at(start + sweep))


def _marked(figure: Figure, point: complex) -> Figure:
    """The right piece beside whose end a marker is."""
    return min(figure["right"], key=lambda piece: abs(piece["outer"] - point))
