"""A frame, a tray of tiles around it, and the tiles on their way, in pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

import cv2
import numpy as np

from vtb.core.frames import FramePlan
from vtb.core.rng import Rng
from vtb.core.types import Array, Json
from vtb.media.canvas import Canvas
from vtb.media.compare import Mask

from .cells import even_px
from .disc_picture import COLOURS, NUM_TILES, SIDE, TILES, DiscPicture, shading
from .worksheet_page import EMPTY, OTHER, Page, Place, between, eased, one_by_one
from .worksheet_style import WorksheetStyle

SHEET_PX = 512
# The canvas is this many times as wide as the picture.
SPREAD = 1.8
# Px at a canvas of 512: the margin, the frame's border, a slot's rim, the disc with a number.
MARGIN, BORDER, RIM, BADGE, DIGIT = 12, 4, 2, 13, 17
# How dark slots, the frame's inside and its border are, from paper to ink.
SLOT_SHADE, INSIDE_SHADE, BORDER_SHADE = 0.16, 0.06, 0.85
# A tile lies in a place when their colours differ by less in the mean (0 to 1) and their bright
# and dark parts agree; the rim of a place is left out.
MAX_ERROR, MIN_AGREEMENT = 0.1, 0.7
INSET = 0.04
# A place is empty when it differs less from the empty frame.
MAX_EMPTY_ERROR = 0.05


class JigsawPage(Page):
    """Tile k lies in slot k, turned, and belongs to the place `tiles[k]`; values are k + 1."""

    def __init__(
        self, picture: DiscPicture, data: Mapping[str, Json], style: WorksheetStyle
    ) -> None:
        width, height = data["canvas"]
        belongs: list[int] = data["tiles"]
        self.turns: list[int] = data["turns"]
        side = min(height, width)
        self.scale, self.style = side / SHEET_PX, style
        self.tile = int(side / SPREAD / TILES / 2) * 2
        whole = draw_picture(picture, TILES * self.tile)
        cut = [self._crop(whole, place) for place in range(NUM_TILES)]
        self.tiles = [cut[place] for place in belongs]
        self.wanted = [1 + belongs.index(place) for place in range(NUM_TILES)]
        self._lay_out(height, width)
        self.puzzle = Canvas.blank(height, width, style.paper).pixels
        self._draw_frame()
        for slot, tile, turn in zip(self.slots, self.tiles, self.turns, strict=True):
            self.puzzle[slot.window] = np.rot90(tile, -turn)

    def filled(self, values: Sequence[int]) -> Array:
        picture = self.puzzle.copy()
        for place, value in zip(self.places, values, strict=True):
            if value != EMPTY:
                picture[place.window] = self.tiles[value - 1]
                self.slots[value - 1].fill(picture, self.style.shade(SLOT_SHADE))
        return picture

    def extra(self) -> dict[str, Array]:
        """The puzzle with the number of each tile on its corner."""
        picture = self.puzzle.copy()
        canvas = Canvas(picture)
        radius = BADGE * self.scale
        for number, slot in enumerate(self.slots, 1):
            middle = (slot.left + 0.75 * radius, slot.top + 0.75 * radius)
            canvas.disc(middle, radius, self.style.ink)
            canvas.disc(middle, radius - max(1.0, 2 * self.scale), self.style.paper)
            canvas.text(middle, str(number), DIGIT * self.scale, self.style.ink)
        return {"image_vlm": picture}

    def read(self, picture: Array) -> list[int]:
        return [self._read(picture, place) for place in self.places]

    def guess(self, rng: Rng) -> list[int]:
        order = list(range(1, NUM_TILES + 1))
        rng.shuffle(order)
        return order

    def wrong(self) -> Iterator[tuple[str, list[int]]]:
        first, second, *others = self.wanted
        yield "two_swapped", [second, first, *others]
        yield "moved_on", [*others, first, second]
        yield "one_tile", [first] * NUM_TILES

    def spoiled(self, solution: Array) -> Iterator[tuple[str, Array]]:
        place = self.places[0]
        turned = solution.copy()
        turned[place.window] = np.rot90(turned[place.window])
        yield "one_turned", turned
        frame = Place(*self.places[0][:2], *self.places[-1][2:])
        whole = solution.copy()
        whole[frame.window] = np.rot90(whole[frame.window], 2)
        yield "turned_whole", whole
        flat = solution.copy()
        for place in self.places:
            flat[place.window] = flat[place.window].mean(axis=(0, 1))
        yield "mean_colours", flat
        spoiled = solution.copy()
        self.slots[0].fill(spoiled, self.style.ink)
        yield "spoiled_tray", spoiled
        yield "blurred", np.asarray(cv2.blur(solution, (self.tile, self.tile)), np.uint8)

    def fixed(self) -> Mask:
        mask = super().fixed()
        for slot in self.slots:
            mask[slot.window] = False
        return mask

    def is_changed(self, picture: Array, values: Sequence[int]) -> bool:
        """A slot of the tray may keep its tile, as long as it shows nothing else."""
        return super().is_changed(picture, values) or any(
            min(error(picture[slot.window], tile), error(picture[slot.window], empty)) > MAX_ERROR
            for slot, tile, empty in self._slot_states()
        )

    def frames(self, solution: Array, plan: FramePlan) -> Iterator[Array]:
        """From the first place on, each tile glides from its slot into place while it turns."""
        yield from repeat(self.puzzle, plan.hold_start)
        for shares in one_by_one(NUM_TILES, plan.motion):
            shown = [
                v if share == 1 else EMPTY for v, share in zip(self.wanted, shares, strict=True)
            ]
            frame = self.filled(shown)
            for place, value, share in zip(self.places, self.wanted, shares, strict=True):
                if 0 < share < 1:
                    self._move(frame, value - 1, place, eased(share))
            yield frame
        yield from repeat(solution, plan.hold_end)

    def _read(self, picture: Array, place: Place) -> int:
        seen = picture[place.inset(INSET).window]
        if error(seen, self.puzzle[place.inset(INSET).window]) <= MAX_EMPTY_ERROR:
            return EMPTY
        inside = Place(0, 0, self.tile, self.tile).inset(INSET).window
        errors = [error(seen, tile[inside]) for tile in self.tiles]
        nearest = int(np.argmin(errors))
        is_there = (
            errors[nearest] <= MAX_ERROR
            and agreement(seen, self.tiles[nearest][inside]) >= MIN_AGREEMENT
        )
        return nearest + 1 if is_there else OTHER

    def _slot_states(self) -> Iterator[tuple[Place, Array, Array]]:
        """Every slot with its tile and without."""
        for slot in self.slots:
            tile = self.puzzle[slot.window]
            yield slot, tile, np.full_like(tile, self.style.shade(SLOT_SHADE))

    def _move(self, frame: Array, tile: int, place: Place, share: float) -> None:
        """Draws a tile on its way; its slot is empty."""
        slot = self.slots[tile]
        slot.fill(frame, self.style.shade(SLOT_SHADE))
        left, top, _, _ = between(slot, place, share)
        reach = math.ceil(self.tile * (math.sqrt(2) - 1) / 2) + 1
        x, y = max(0, int(left) - reach), max(0, int(top) - reach)
        window = frame[y : y + self.tile + 2 * reach, x : x + self.tile + 2 * reach]
        turn = self.turns[tile] - 4 * (self.turns[tile] == 3)
        middle = (self.tile - 1) / 2
        matrix = cv2.getRotationMatrix2D((middle, middle), -90 * turn * (1 - share), 1)
        matrix[:, 2] += left - x, top - y
        size = window.shape[1::-1]
        moved = cv2.warpAffine(self.tiles[tile], matrix, size)
        cover = cv2.warpAffine(np.ones((self.tile, self.tile), np.float32), matrix, size)
        window[:] = np.rint(window * (1 - cover[..., None]) + moved)

    def _lay_out(self, height: int, width: int) -> None:
        """Three slots each on the left, below and on the right of the frame, on even pixels."""
        tile = self.tile
        margin = even_px(MARGIN * self.scale, 2)
        low = height - margin - tile
        rise = (low - TILES * tile) // 8 * 2
        heights = [rise + row * (tile + rise) for row in range(TILES)]
        bottoms = [(width * (col + 1) // 4 - tile // 2) // 2 * 2 for col in range(TILES)]
        corners = [
            *((margin, y) for y in heights),
            *((x, low) for x in bottoms),
            *((width - margin - tile, y) for y in heights),
        ]
        left, top = (width - TILES * tile) // 4 * 2, (low - TILES * tile) // 4 * 2
        cells = [
            (left + col * tile, top + row * tile) for row in range(TILES) for col in range(TILES)
        ]
        self.slots = [Place(x, y, x + tile, y + tile) for x, y in corners]
        self.places = [Place(x, y, x + tile, y + tile) for x, y in cells]

    def _draw_frame(self) -> None:
        rim, border = even_px(RIM * self.scale, 2), even_px(BORDER * self.scale, 4)
        for slot in self.slots:
            around = Place(slot.left - rim, slot.top - rim, slot.right + rim, slot.bottom + rim)
            around.fill(self.puzzle, self.style.shade(SLOT_SHADE))
        left, top, right, bottom = (*self.places[0][:2], *self.places[-1][2:])
        outside = Place(left - border, top - border, right + border, bottom + border)
        outside.fill(self.puzzle, self.style.shade(BORDER_SHADE))
        Place(left, top, right, bottom).fill(self.puzzle, self.style.shade(SLOT_SHADE))
        for place in self.places:
            inner = Place(place.left + 1, place.top + 1, place.right - 1, place.bottom - 1)
            inner.fill(self.puzzle, self.style.shade(INSIDE_SHADE))

    def _crop(self, whole: Array, place: int) -> Array:
        top, left = (self.tile * step for step in divmod(place, TILES))
        return whole[top : top + self.tile, left : left + self.tile]


def draw_picture(picture: DiscPicture, side_px: int) -> Array:
    """The whole picture, RGB uint8 (side, side, 3)."""
    canvas = Canvas.blank(side_px, side_px, COLOURS[picture.ground])
    scale = side_px / SIDE
    for disc in picture.discs:
        canvas.disc((disc.x * scale, disc.y * scale), disc.radius * scale, COLOURS[disc.colour])
    factor, added = shading((np.arange(side_px) + 0.5) / side_px)
    shaded = canvas.pixels * factor[:, None].astype(np.float32)
    shaded += added[:, None].astype(np.float32) + np.float32(0.5)  # rounds when cut off
    return shaded.astype(np.uint8)


def error(a: Array, b: Array) -> float:
    """The mean absolute difference of two pictures of one size, 0 to 1."""
    return cv2.norm(np.ascontiguousarray(a), np.ascontiguousarray(b), cv2.NORM_L1) / (255 * a.size)


def agreement(a: Array, b: Array) -> float:
    """The correlation of two pictures' brightness, at most 1; 0 for a flat one."""
    x, y = (picture.mean(axis=2) for picture in (a, b))
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / norm if norm else 0.0
