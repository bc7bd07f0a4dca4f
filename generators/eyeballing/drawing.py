"""Pixels of an eyeballing puzzle: given strokes, markers, construction, highlight and clip.

All is drawn in one palette of sixteen colours, so that a PNG has four bits a pixel: shades from
ink to paper, among which OpenCV's antialiasing blends indices like colours, and then those of the
highlight. Imports OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from vtb.core.frames import NOTHING, Film, FramePlan, Window, whole
from vtb.core.types import Array, Instance, Picture, Rendering
from vtb.media.canvas import Canvas

from .board import Board, from_json
from .clip import timeline
from .colours import INK, PAPER, VEIL, Palette
from .config import EyeballingConfig
from .marker import Look, Stamp, draw_highlight, marker_box, marker_stamp, snapped
from .shapes import Arc, Box, Dot, Line, Shape, union
from .style import EyeballingStyle

if TYPE_CHECKING:
    from .puzzle import Eyeballing

FADE_FRAMES = 4
# A stroke's antialiased rim reaches this far beyond it, px.
RIM_PX = 2
# A window around the new piece of a stroke shows less of what is old, in line widths and rims.
TIP_REACHES = 4


def render(
    task: Eyeballing, instance: Instance, style: EyeballingStyle, plan: FramePlan
) -> Rendering:
    """The puzzle, its solution, and a clip that draws the construction stroke by stroke."""
    sheet = Sheet.of(task, instance, style)
    puzzle, solution = sheet.puzzle(), sheet.solution()
    colours = sheet.palette.colours
    film = Film(sheet.steps(puzzle, solution, plan))
    return Rendering(Picture(puzzle, colours), Picture(solution, colours), film)


def draw(canvas: Canvas, shape: Shape, look: Look) -> None:
    """One shape in shades."""
    match shape:
        case Line(a, b, width):
            canvas.line(_xy(a), _xy(b), look.stroke(width), INK)
        case Arc(centre, radius, _, 360, width):
            canvas.circle(_xy(centre), radius, look.stroke(width), INK)
        case Arc(centre, radius, start, sweep, width):
            canvas.arc(_xy(centre), radius, start, sweep, look.stroke(width), INK)
        case Dot(centre, radius, filled):
            canvas.disc(_xy(centre), radius, INK)
            if not filled:
                canvas.disc(_xy(centre), radius - look.outline, PAPER)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One puzzle ready to be drawn.

    `layers` (3, H, W) are what is given, without veil and markers, and room for the puzzle and its
    solution: one block of memory, which the allocator keeps for the next puzzle.
    """

    layers: Array
    veil: Box | None
    strokes: Sequence[Shape]
    stamps: Mapping[str, Stamp]
    right: complex
    label: str
    look: Look
    style: EyeballingStyle
    palette: Palette

    @classmethod
    def of(cls, task: Eyeballing, instance: Instance, style: EyeballingStyle) -> Sheet:
        """The sheet of a puzzle that has its figure."""
        data, look = instance.data, Look.of(instance.data, style)
        width, height = data["canvas"]
        board = Board.of(EyeballingConfig.model_validate(instance.config), 0.0)
        figure = from_json(data["figure"])
        layers = np.empty((3, height, width), np.uint8)
        layers[0] = PAPER
        for shape in task.ink(figure, board):
            draw(Canvas(layers[0]), shape, look)
        places = {c["label"]: complex(c["x"], c["y"]) for c in data["candidates"]}
        right = places[data["answer"]]
        return cls(
            layers=layers,
            veil=task.veil(figure, board),
            strokes=task.construction(figure, right, board),
            stamps={c: marker_stamp(snapped(place), c, look) for c, place in places.items()},
            right=snapped(right),
            label=data["answer"],
            look=look,
            style=style,
            palette=Palette.of(style),
        )

    def puzzle(self) -> Array:
        """The given figure and the markers, (H, W)."""
        given, pixels, _ = self.layers
        np.copyto(pixels, given)
        self._cover(pixels, whole(pixels), veiled=1.0)
        return pixels

    def solution(self) -> Array:
        """The finished construction with the right marker highlighted, (H, W)."""
        given, _, pixels = self.layers
        np.copyto(pixels, given)
        for stroke in self.strokes:
            draw(Canvas(pixels), stroke, self.look)
        for label, stamp in self.stamps.items():
            if label != self.label:
                stamp.on(pixels)
        box = marker_box(self.right, self.look)
        patch = self.palette.rgb(pixels[box])
        inside = self.right - complex(box[1].start, box[0].start)
        draw_highlight(Canvas(patch), inside, self.label, self.look, self.style)
        pixels[box] = self.palette.nearest(patch)
        return pixels

    def steps(
        self, puzzle: Array, solution: Array, plan: FramePlan
    ) -> Iterator[tuple[Array, Window]]:
        """The clip as RGB uint8 (H, W, 3), one buffer for all frames, and where each is new.

        Veil and construction are drawn over time, then the highlight fades in; with nothing to
        draw it does so over the last two thirds.
        """
        frame = self.palette.rgb(puzzle)
        fade = min(FADE_FRAMES, plan.motion // 2)
        if not self.strokes and self.veil is None:
            fade = plan.motion - plan.motion // 3
        yield frame, whole(frame)
        yield from repeat((frame, NOTHING), plan.hold_start - 1)
        for window in self._drawn(frame, plan.motion - fade):
            yield frame, window
        box = marker_box(self.right, self.look)
        plain, marked = frame[box].astype(np.float32), self.palette.rgb(solution[box])
        for step in range(1, fade + 1):
            frame[box] = np.rint(plain + (marked - plain) * (step / fade))
            yield frame, box
        yield from repeat((frame, NOTHING), plan.hold_end)

    def _drawn(self, frame: Array, num_frames: int) -> Iterator[Window]:
        """Lifts the veil and draws the construction in the RGB frame; yields what is new."""
        veils = [] if self.veil is None else [self.veil]
        lengths = [veil.bottom - veil.top for veil in veils]
        lengths += [stroke.length for stroke in self.strokes]
        ground, shown = self.layers[0].copy(), np.empty_like(self.layers[0])
        done, before = 0, [0.0] * len(lengths)
        for shares in timeline(lengths, num_frames):
            drawn, growing = shares[len(veils) :], list[Shape]()
            changed = [_lifted(veil, before[0], shares[0]) for veil in veils if before[0] < 1]
            while done < len(drawn) and drawn[done] == 1:
                changed.append(self.strokes[done].box)
                draw(Canvas(ground), self.strokes[done], self.look)
                done += 1
            if done < len(drawn) and drawn[done] > 0:
                stroke, earlier = self.strokes[done], before[len(veils) + done]
                changed.append(stroke.piece(earlier, drawn[done]).box)
                growing.append(self._tip(stroke, earlier, drawn[done]))
            window = self._window(changed)
            if changed:
                shown[window] = ground[window]  # what is drawn beside the window is never seen
                for stroke in growing:
                    draw(Canvas(shown), stroke, self.look)
                self._cover(shown, window, 1 - shares[0])
                frame[window] = self.palette.rgb(shown[window])
            before = shares
            yield window

    @property
    def _reach(self) -> float:
        """How far the pixels of a stroke are from its middle at most."""
        return self.look.line_width + RIM_PX

    def _tip(self, stroke: Shape, earlier: float, now: float) -> Shape:
        """The piece of a growing stroke that can be seen around what is new in it."""
        room = TIP_REACHES * self._reach / stroke.length
        # The end of a circle comes near to its start.
        first = earlier - room if room < earlier and now < 1 - room else 0.0
        return stroke.piece(first, now)

    def _window(self, boxes: Sequence[Box]) -> Window:
        """The pixels that strokes within some boxes can change."""
        if not boxes:
            return NOTHING
        left, top, right, bottom = union(boxes)
        reach = self._reach
        height, width = self.layers.shape[1:]
        rows = slice(max(0, int(top - reach)), min(height, int(bottom + reach) + 1))
        return rows, slice(max(0, int(left - reach)), min(width, int(right + reach) + 1))

    def _cover(self, pixels: Array, window: Window, veiled: float) -> None:
        """Lays the lower share of the veil, if any, and the markers over what is in a window."""
        if self.veil is not None:
            left, top, right, bottom = self.veil
            top = bottom - (bottom - top) * veiled
            pixels[round(top) : round(bottom), round(left) : round(right)] = VEIL
        for stamp in self.stamps.values():
            if stamp.touches(window):
                stamp.on(pixels)


def _lifted(veil: Box, before: float, after: float) -> Box:
    """What of a veil was still covered at one share of the way and is not any more at another."""
    height = veil.bottom - veil.top
    return veil._replace(top=veil.top + height * before, bottom=veil.top + height * after)


def _xy(point: complex) -> tuple[float, float]:
    return point.real, point.imag
