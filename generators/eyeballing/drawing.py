"""Pixels of an eyeballing puzzle: given strokes, markers, construction, highlight and clip.

Everything but the highlight is drawn in grey, 255 for the background and 0 for ink, and coloured
at the end: sixteen shades between the two colours. Imports OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vtb.core.frames import FramePlan
from vtb.core.types import Array, Instance, Picture, Rendering
from vtb.media.canvas import Canvas

from .board import Board, from_json
from .clip import timeline
from .config import Colour, EyeballingConfig
from .marker import Look, Stamp, draw_highlight, marker_box, marker_stamp, snapped
from .shapes import Arc, Box, Dot, Line, Shape
from .style import EyeballingStyle

if TYPE_CHECKING:
    from .puzzle import Eyeballing

PAPER, INK, VEIL = 255, 0, 204
SHADES = 16
# A large marker's rims blend into more colours than a palette has room for.
MAX_COLOURS = 256
FADE_FRAMES = 4
# A stroke's antialiased rim reaches this far beyond it, px.
RIM_PX = 2


def render(
    task: Eyeballing, instance: Instance, style: EyeballingStyle, plan: FramePlan
) -> Rendering:
    """The puzzle, its solution, and a clip that draws the construction stroke by stroke."""
    sheet = Sheet.of(task, instance, style)
    puzzle, solution = sheet.puzzle(), sheet.solution()
    return Rendering(puzzle, solution, sheet.frames(puzzle, solution, plan))


def draw(canvas: Canvas, shape: Shape, look: Look, ink: int = INK) -> None:
    """One shape in grey."""
    match shape:
        case Line(a, b, width):
            canvas.line(_xy(a), _xy(b), look.stroke(width), ink)
        case Arc(centre, radius, _, 360, width):
            canvas.circle(_xy(centre), radius, look.stroke(width), ink)
        case Arc(centre, radius, start, sweep, width):
            canvas.arc(_xy(centre), radius, start, sweep, look.stroke(width), ink)
        case Dot(centre, radius, filled):
            canvas.disc(_xy(centre), radius, ink)
            if not filled:
                canvas.disc(_xy(centre), radius - look.outline, PAPER)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One puzzle ready to be drawn; `given` is its grey ground (H, W) without veil and markers."""

    given: Array
    veil: Box | None
    strokes: Sequence[Shape]
    stamps: Sequence[Stamp]
    right: complex
    label: str
    look: Look
    style: EyeballingStyle

    @classmethod
    def of(cls, task: Eyeballing, instance: Instance, style: EyeballingStyle) -> Sheet:
        """The sheet of a puzzle that has its figure."""
        data, look = instance.data, Look.of(instance.data, style)
        width, height = data["canvas"]
        board = Board.of(EyeballingConfig.model_validate(instance.config), 0.0)
        figure = from_json(data["figure"])
        canvas = Canvas.blank(height, width, PAPER)
        for shape in task.ink(figure, board):
            draw(canvas, shape, look)
        markers = {c["label"]: snapped(complex(c["x"], c["y"])) for c in data["candidates"]}
        right = markers[data["answer"]]
        return cls(
            given=canvas.pixels,
            veil=task.veil(figure, board),
            strokes=task.construction(figure, right, board),
            stamps=[marker_stamp(place, label, look) for label, place in markers.items()],
            right=right,
            label=data["answer"],
            look=look,
            style=style,
        )

    @property
    def palette(self) -> Array:
        """The sixteen shades of the style."""
        return shades(self.style.ink, self.style.background)

    def puzzle(self) -> Picture:
        """The given figure and the markers."""
        return Picture(
            levels(self._finished(self.given, 1.0)), shades(self.style.ink, self.style.background)
        )

    def solution(self) -> Picture:
        """The finished construction with the right marker highlighted."""
        ground = self.given.copy()
        for stroke in self.strokes:
            draw(Canvas(ground), stroke, self.look)
        pixels, palette = (
            levels(self._finished(ground, 0.0)),
            shades(self.style.ink, self.style.background),
        )
        box = marker_box(self.right, self.look)
        patch = coloured(ground[box], self.style)
        inside = self.right - complex(box[1].start, box[0].start)
        draw_highlight(Canvas(patch), inside, self.label, self.look, self.style)
        # As single numbers, which sort ten times faster than rows.
        packed = patch.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        numbers, places = np.unique(packed, return_inverse=True)
        colours = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], 1).astype(np.uint8)
        if SHADES + len(colours) > MAX_COLOURS:
            rgb = palette[pixels]
            rgb[box] = patch
            return Picture(rgb)
        pixels[box] = (SHADES + places.reshape(pixels[box].shape)).astype(np.uint8)
        return Picture(pixels, np.vstack([palette, colours]))

    def frames(self, puzzle: Picture, solution: Picture, plan: FramePlan) -> Iterator[Array]:
        """The clip as RGB uint8 (H, W, 3), one buffer for all frames.

        Veil and construction are drawn over time, then the highlight fades in; with nothing to
        draw it does so over the last two thirds.
        """
        frame = puzzle.rgb()
        fade = min(FADE_FRAMES, plan.motion // 2)
        if not self.strokes and self.veil is None:
            fade = plan.motion - plan.motion // 3
        yield from repeat(frame, plan.hold_start)
        for _ in self._drawn(frame, plan.motion - fade):
            yield frame
        box = marker_box(self.right, self.look)
        plain, marked = frame[box].astype(np.float32), solution.rgb()[box]
        for step in range(1, fade + 1):
            frame[box] = np.rint(plain + (marked - plain) * (step / fade))
            yield frame
        yield from repeat(frame, plan.hold_end)

    def _drawn(self, frame: Array, num_frames: int) -> Iterator[None]:
        """Lifts the veil and draws the construction in the RGB frame, step by step."""
        veils = [] if self.veil is None else [self.veil]
        lengths = [veil.bottom - veil.top for veil in veils]
        lengths += [stroke.length for stroke in self.strokes]
        ground, done, before = self.given.copy(), 0, [0.0] * len(lengths)
        for shares in timeline(lengths, num_frames):
            drawn = shares[len(veils) :]
            changed = [veil for veil in veils if before[0] < 1]
            while done < len(drawn) and drawn[done] == 1:
                changed.append(self.strokes[done].box)
                draw(Canvas(ground), self.strokes[done], self.look)
                done += 1
            shown = ground.copy()
            if done < len(drawn) and drawn[done] > 0:
                stroke, earlier = self.strokes[done], before[len(veils) + done]
                changed.append(stroke.piece(earlier, drawn[done]).box)
                draw(Canvas(shown), stroke.piece(0, drawn[done]), self.look)
            shown = self._finished(shown, 1 - shares[0] if veils else 0.0)
            for box in changed:
                self._refresh(frame, shown, box)
            before = shares
            yield

    def _refresh(self, frame: Array, grey: Array, box: Box) -> None:
        """Colours what of the frame a stroke can have changed."""
        reach = self.look.line_width + RIM_PX
        rows = slice(max(0, int(box.top - reach)), int(box.bottom + reach) + 1)
        columns = slice(max(0, int(box.left - reach)), int(box.right + reach) + 1)
        frame[rows, columns] = coloured(grey[rows, columns], self.style)

    def _finished(self, ground: Array, veiled: float) -> Array:
        """The ground with the lower `veiled` share of the veil, and the markers on top."""
        marked = ground.copy()
        if self.veil is not None and veiled > 0:
            left, top, right, bottom = self.veil
            top = bottom - (bottom - top) * veiled
            marked[round(top) : round(bottom), round(left) : round(right)] = VEIL
        for stamp in self.stamps:
            stamp.on(marked)
        return marked


def levels(grey: Array) -> Array:
    """Grey pixels as indices of `shades`."""
    return np.asarray(cv2.LUT(grey, _LEVELS), np.uint8)


@lru_cache(maxsize=16)
def shades(ink: Colour, paper: Colour) -> Array:
    """The colours from ink to background, uint8 (16, 3)."""
    share = np.linspace(0, 1, SHADES)[:, None]
    first, last = np.asarray(ink, float), np.asarray(paper, float)
    return np.rint(first + share * (last - first)).astype(np.uint8)


def coloured(grey: Array, style: EyeballingStyle) -> Array:
    """Grey pixels as RGB, in the same shades as the picture."""
    table = _rgb_table(style.ink, style.background)
    return np.asarray(cv2.LUT(cv2.merge([grey] * 3), table), np.uint8)


@lru_cache(maxsize=16)
def _rgb_table(ink: Colour, paper: Colour) -> Array:
    return shades(ink, paper)[_LEVELS][None]


def _xy(point: complex) -> tuple[float, float]:
    return point.real, point.imag


_LEVELS = np.rint(np.arange(256) * ((SHADES - 1) / 255)).astype(np.uint8)
