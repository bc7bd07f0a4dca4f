"""Answers to an eyeballing puzzle that must fail, and baselines that look at nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vtb.core.answers import wrap
from vtb.core.config import Colour
from vtb.core.rng import stream
from vtb.core.types import Array, Prediction, Sample
from vtb.media.canvas import Canvas
from vtb.media.compare import Mask, grow
from vtb.media.wrong_clips import still_clip, wrong_clips

from .marker import Look, draw_highlight, draw_marker
from .scene import Scene, read_scene
from .style import EyeballingStyle


def corruptions(sample: Sample) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its pictures, wrong pictures and clips."""
    letters = [candidate["label"] for candidate in sample.instance.data["candidates"]]
    for name, text in _texts(letters, str(sample.instance.data["answer"])):
        yield name, Prediction(sample.id, "text", text=text)
    if sample.puzzle is None or sample.solution is None:
        return
    easel = Easel.of(sample, sample.puzzle)
    for name, picture in _pictures(easel, sample.solution):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in wrong_clips(sample.puzzle, sample.solution):
        yield name, Prediction(sample.id, "video", content=clip)
    wrong = easel.marked(easel.wrong[:1], easel.puzzle)
    yield (
        "video_wrong",
        Prediction(sample.id, "video", content=still_clip([easel.puzzle, *[wrong] * 4])),
    )


def baseline(name: str, sample: Sample, seed: int) -> Prediction | None:
    """`random` marks an option drawn uniformly; None for another name or without a picture."""
    if name != "random" or sample.puzzle is None:
        return None
    easel = Easel.of(sample, sample.puzzle)
    rng = stream("eyeballing-random", sample.instance.fingerprint, seed)
    picture = easel.marked([rng.choice(list(easel.scene.markers))], sample.puzzle)
    return Prediction(sample.id, "image", content=picture, model=name, seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class Easel:
    """The puzzle's picture, RGB uint8 (H, W, 3), and how its style marks options on it."""

    puzzle: Array
    scene: Scene
    look: Look
    style: EyeballingStyle
    answer: str

    @classmethod
    def of(cls, sample: Sample, puzzle: Array) -> Easel:
        """The easel of a sample drawn as `puzzle`."""
        data = sample.instance.data
        style = EyeballingStyle.model_validate(sample.instance.style)
        look = Look.of(data, style)
        return cls(puzzle, read_scene(puzzle, data), look, style, data["answer"])

    @property
    def wrong(self) -> list[str]:
        """The labels of the distractors."""
        return [label for label in self.scene.markers if label != self.answer]

    def marked(self, labels: Sequence[str], on: Array) -> Array:
        """A copy with these options highlighted."""
        picture = on.copy()
        for label in labels:
            spot = self.scene.markers[label]
            draw_highlight(Canvas(picture), spot, label, self.look, self.style)
        return picture

    def erased(self, spot: complex, on: Array) -> Array:
        """A copy with paper where a marker was."""
        picture = on.copy()
        radius = self.look.point_radius + 2
        Canvas(picture).disc((spot.real, spot.imag), radius, self.style.background)
        return picture


def _texts(letters: Sequence[str], answer: str) -> Iterator[tuple[str, str]]:
    wrong = letters[letters.index(answer) - 1]
    yield "text_nothing", wrap("")
    yield "text_wrong", wrap(wrong)
    yield "text_all", wrap(", ".join(letters))
    yield "text_two", wrap(f"{answer} or {wrong}")
    yield "text_outside", wrap("Z")
    yield "text_prose", wrap(f"a line goes through {answer}")
    yield "text_changed_mind", f"{wrap(answer)} No: {wrap(wrong)}"
    yield "text_bare", f"The answer is {answer}."


def _pictures(easel: Easel, solution: Array) -> Iterator[tuple[str, Array]]:
    puzzle, style, answer = easel.puzzle, easel.style, easel.answer
    blank = np.full_like(puzzle, style.background)
    yield "unsolved", puzzle
    yield "blank", blank
    yield "all_red", np.full_like(puzzle, style.highlight_outline)
    yield "all_marked", easel.marked(list(easel.scene.markers), puzzle)
    yield "two_marked", easel.marked([easel.wrong[0]], solution)
    yield "wrong_marked", easel.marked([easel.wrong[0]], _unmarked(easel, solution))
    yield "none_marked", _unmarked(easel, solution)
    yield "erased_scene", easel.marked([answer], blank)
    yield "erased_marker", easel.erased(easel.scene.markers[easel.wrong[0]], solution)
    yield "red_ink", _painted(puzzle, easel.scene.ink, style.highlight_outline)
    if (easel.scene.ink & ~easel.scene.discs).any():
        yield "erased_figure", _without_figure(easel, solution)
    yield "moved_marker", _moved(easel)


def _painted(picture: Array, where: Mask, colour: Colour) -> Array:
    painted = picture.copy()
    painted[where] = colour
    return painted


def _without_figure(easel: Easel, solution: Array) -> Array:
    """The solution without the given strokes, all markers in place."""
    picture = _painted(solution, grow(easel.scene.ink, 1), easel.style.background)
    ink, paper = easel.style.ink, easel.style.background
    for label, spot in easel.scene.markers.items():
        draw_marker(Canvas(picture), spot, label, easel.look, ink, paper, ink)
    return easel.marked([easel.answer], picture)


def _unmarked(easel: Easel, solution: Array) -> Array:
    """The finished construction with a plain marker at the right place."""
    spot = easel.scene.markers[easel.answer]
    picture = easel.erased(spot, solution)
    ink, paper = easel.style.ink, easel.style.background
    draw_marker(Canvas(picture), spot, easel.answer, easel.look, ink, paper, ink)
    return picture


def _moved(easel: Easel) -> Array:
    """A distractor that changed places with the right option and is highlighted there."""
    right, other = easel.scene.markers[easel.answer], easel.scene.markers[easel.wrong[0]]
    picture = easel.erased(right, easel.erased(other, easel.puzzle))
    draw_highlight(Canvas(picture), other, easel.answer, easel.look, easel.style)
    return picture
