"""A pile of rectangles and a column of numbered boxes for their colours, in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

from vtb.core.config import Colour
from vtb.core.frames import FramePlan
from vtb.core.rng import Rng
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas

from .cells import even_px, read_colours
from .worksheet_page import EMPTY, Page, Place, between, blend, eased, one_by_one
from .worksheet_style import PAINTS, WorksheetStyle

# In units of the board: the sheet, the board's corner, and the boxes with their numbers.
SHEET_WIDTH, SHEET_HEIGHT = 32, 26
CORNER = 1
BOX_LEFT, BOX_TOP, BOX_SIDE, BOX_PITCH = 27, 2, 4, 6
NUMBER_X, NUMBER_SIZE = 26, 1.5
OUTLINE = 0.2


class RectsPage(Page):
    """The pile on the left, empty boxes from 1 (the uppermost) downwards on the right."""

    def __init__(
        self, data: Mapping[str, Json], order: Sequence[int], style: WorksheetStyle
    ) -> None:
        width, height = data["canvas"]
        self.unit = min(height // SHEET_HEIGHT, width // SHEET_WIDTH) // 2 * 2
        self.left = (width - SHEET_WIDTH * self.unit) // 4 * 2
        self.top = (height - SHEET_HEIGHT * self.unit) // 4 * 2
        self.line = even_px(OUTLINE * self.unit, 2)
        self.style = style
        self.palette = [style.paper, *PAINTS.values()][: len(order) + 1]
        self.wanted = list(order)
        self.spots = [self._spot(*(CORNER + corner for corner in rect)) for rect in data["rects"]]
        boxes = [(BOX_LEFT, BOX_TOP + BOX_PITCH * row) for row in range(len(order))]
        self.places = [self._spot(x, y, x + BOX_SIDE, y + BOX_SIDE) for x, y in boxes]
        self.puzzle = Canvas.blank(height, width, style.paper).pixels
        self._draw_pile(self.puzzle, self.wanted)
        self._draw_boxes()

    def filled(self, values: Sequence[int]) -> Array:
        picture = self.puzzle.copy()
        for place, value in zip(self.places, values, strict=True):
            if value != EMPTY:
                place.fill(picture, self.palette[value])
        return picture

    def read(self, picture: Array) -> list[int]:
        return read_colours(picture, self.places, self.palette)

    def guess(self, rng: Rng) -> list[int]:
        order = list(range(1, len(self.palette)))
        rng.shuffle(order)
        return order

    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        first, second, *others = self.wanted
        yield "two_swapped", [second, first, *others]
        yield "reversed", list(reversed(self.wanted))
        yield "one_colour", [first] * len(self.wanted)

    def spoiled(self, solution: Array) -> Iterator[tuple[str, Array]]:
        erased = solution.copy()
        self.spots[0].fill(erased, self.style.paper)
        yield "erased_rectangle", erased
        recoloured = solution.copy()
        self._draw_pile(recoloured, self.wanted[::-1])
        yield "recoloured_pile", recoloured
        yield "half_faded", blend(self.puzzle, solution, 0.5)
        yield "upside_down", solution[::-1, ::-1].copy()

    def frames(self, solution: Array, plan: FramePlan) -> Iterator[Array]:
        """From the top of the pile on, a copy of each rectangle glides into its box."""
        yield from repeat(self.puzzle, plan.hold_start)
        for shares in one_by_one(len(self.places), plan.motion):
            done = [
                value if share == 1 else EMPTY
                for value, share in zip(self.wanted, shares, strict=True)
            ]
            frame = self.filled(done)
            for spot, place, value, share in zip(
                self.spots, self.places, self.wanted, shares, strict=True
            ):
                if 0 < share < 1:
                    self._card(frame, between(spot, place, eased(share)), self.palette[value])
            yield frame
        yield from repeat(solution, plan.hold_end)

    def _spot(self, left: int, top: int, right: int, bottom: int) -> Place:
        """A rectangle of the sheet, given in units, in px."""
        x, y, unit = self.left, self.top, self.unit
        return Place(x + left * unit, y + top * unit, x + right * unit, y + bottom * unit)

    def _draw_pile(self, picture: Array, order: Sequence[int]) -> None:
        for spot, value in reversed(list(zip(self.spots, order, strict=True))):
            self._card(picture, spot, self.palette[value])

    def _draw_boxes(self) -> None:
        canvas = Canvas(self.puzzle)
        for number, place in enumerate(self.places, 1):
            left, top, right, bottom = place
            outline = Place(
                left - self.line, top - self.line, right + self.line, bottom + self.line
            )
            outline.fill(self.puzzle, self.style.ink)
            place.fill(self.puzzle, self.style.paper)
            x = self.left + NUMBER_X * self.unit
            canvas.text((x, place.centre[1]), str(number), NUMBER_SIZE * self.unit, self.style.ink)

    def _card(
        self, picture: Array, corners: tuple[float, float, float, float], colour: Colour
    ) -> None:
        """A coloured rectangle with an outline of ink about its edges, all on even pixels."""
        out = self.line // 4 * 2
        left, top, right, bottom = (round(corner / 2) * 2 - out for corner in corners)
        Place(left, top, right + self.line, bottom + self.line).fill(picture, self.style.ink)
        Place(left + self.line, top + self.line, right, bottom).fill(picture, colour)
