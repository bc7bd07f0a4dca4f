"""Overlapping rectangles: tell in which order they lie on top of one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

from vtb.core.answers import Parsed
from vtb.core.errors import VtbError
from vtb.core.generator import AnswerKind
from vtb.core.rng import Rng
from vtb.core.types import Content, Instance, Json, Option

from .colour_order import parse_order
from .rect_pile import Rect, draw_pile, flipped, is_clear, turned, visible_sides
from .worksheet import Worksheet
from .worksheet_config import WorksheetConfig
from .worksheet_style import PAINTS, WorksheetStyle

if TYPE_CHECKING:
    from .rects_page import RectsPage

COLOURS = tuple(PAINTS)[:4]
ORDERS = tuple(permutations(COLOURS))
ATTEMPTS = 1000


class RectsConfig(WorksheetConfig):
    """There are always four rectangles, in the same four colours."""


class Rects(Worksheet[RectsConfig]):
    """Four overlapping rectangles of which every two show which one is on top."""

    name: ClassVar[str] = "visual-rects"
    task: ClassVar[str] = "rects"
    summary: ClassVar[str] = "tell in which order rectangles overlap"
    answer_kind: ClassVar[AnswerKind] = "choice"
    own_size: ClassVar[tuple[int, int]] = (416, 512)
    Config = RectsConfig

    def sample(self, rng: Rng, config: RectsConfig) -> Content:
        """Draws the order of the colours, then a pile; colours and sizes tell nothing of it."""
        colours = ORDERS[rng.dealt(len(ORDERS))]
        ranks = list(range(len(COLOURS)))
        rng.shuffle(ranks)
        for _ in range(ATTEMPTS):
            pile = draw_pile(rng, ranks)
            if pile is not None and is_clear(pile):
                data = {
                    "canvas": self.canvas(config),
                    "rects": [list(rect) for rect in pile],
                    "colours": list(colours),
                }
                return Content(data, ", ".join(colours), _difficulty(pile))
        raise VtbError(f"no pile with every order visible in {ATTEMPTS} attempts")

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(self.symmetries(data))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """Rectangles by colour and height in the pile, turned and mirrored in eight ways."""
        pile = [Rect(*rect) for rect in data["rects"]]
        order = bytes(COLOURS.index(colour) for colour in data["colours"])
        for image in (pile, [flipped(rect) for rect in pile]):
            for _ in range(4):
                yield order + bytes(corner for rect in image for corner in rect)
                image = [turned(rect) for rect in image]

    def capacity(self, config: RectsConfig) -> int | None:
        """None: there are billions of piles, how many of them are clear is not known."""
        return None

    def chance(self, config: RectsConfig) -> float:
        return 1 / len(ORDERS)

    def options(self, instance: Instance) -> Sequence[Option]:
        return [Option(", ".join(order)) for order in ORDERS]

    def parse(self, text: str) -> Parsed:
        return parse_order(text, COLOURS)

    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        return ", ".join(COLOURS[value - 1] for value in values)

    def page(self, instance: Instance, style: WorksheetStyle) -> RectsPage:
        from .rects_page import RectsPage

        order = [COLOURS.index(colour) + 1 for colour in instance.data["colours"]]
        return RectsPage(instance.data, order, style)


def _difficulty(pile: Sequence[Rect]) -> dict[str, float]:
    """How much is seen of the least visible order: units of its second longest piece."""
    pairs = [(upper, lower) for lower in range(len(pile)) for upper in range(lower)]
    pieces = [sorted(visible_sides(pile, upper, lower))[-2] for upper, lower in pairs]
    return {"rects": float(len(pile)), "visible_min": float(min(pieces))}
