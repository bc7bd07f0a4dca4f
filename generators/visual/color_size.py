"""Four shapes inside each other, in shades that grow lighter or darker inwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import Disc, Figure, Piece, question, regular_polygon, with_fill
from .palette import COLOURS, SHADES, can_stand_together
from .pattern import Deal, Pattern, PatternPuzzle

KINDS = ("circle", "square", "diamond", "hexagon")
RADII = (0.39, 0.268, 0.183, 0.124)
# The distance of the corners from the middle, in radii: all kinds look equally large.
REACH = {"square": 1.17, "diamond": 1.17, "hexagon": 1.06}
MARK_SIZE = 0.12
ENDS = (SHADES[0], SHADES[-1])


class ColorSize(PatternPuzzle):
    """Is the hidden innermost shape the light or the dark end of the shades?

    `kinds` and `shades` go from the outermost to the innermost shape.
    """

    name: ClassVar[str] = "visual-color-size"
    task: ClassVar[str] = "color_size"
    summary: ClassVar[str] = "name the last shade of nested shapes"

    def deal(self, rng: Rng) -> Deal:
        hues = drawn(rng, COLOURS)
        hues = next([hues[0], hue] for hue in hues[1:] if can_stand_together((hues[0], hue)))
        options, answer = choose(rng, [f"{end} {hue}" for end in ENDS for hue in hues], 4)
        shade, hue = answer.split(" ")
        inwards = SHADES[::-1] if shade == SHADES[0] else SHADES
        pattern = {
            "kinds": [rng.choice(KINDS) for _ in RADII],
            "shades": [f"{shade} {hue}" for shade in inwards],
        }
        return Deal(pattern, options, answer)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        kinds, shades = data["pattern"]["kinds"], data["pattern"]["shades"]
        pieces = [
            Piece(_nested(kind, radius), shade)
            for kind, radius, shade in zip(kinds, RADII, shades, strict=True)
        ]
        return with_fill(pieces, len(pieces) - 1, fill, question(0, 0, MARK_SIZE))

    def completes(self, pattern: Pattern, option: str) -> bool:
        row = [name.rsplit(" ", 1) for name in (*pattern["shades"][:-1], option)]
        levels = [SHADES.index(shade) for shade, _ in row]
        steps = {inner - outer for outer, inner in pairwise(levels)}
        return len({hue for _, hue in row}) == 1 and steps in ({1}, {-1})

    def num_patterns(self) -> int:
        return len(COLOURS) * len(ENDS) * len(KINDS) ** len(RADII)


def _nested(kind: str, radius: float) -> Figure:
    if kind == "circle":
        return Disc(0, 0, radius)
    sides, turn_deg = (6, 0) if kind == "hexagon" else (4, 45 if kind == "diamond" else 0)
    return regular_polygon(sides, 0, 0, REACH[kind] * radius, turn_deg)
