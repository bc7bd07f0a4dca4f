"""The judgement of pattern puzzles: which option the hidden place shows, in an intact scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtb.core.answers import parse_choice
from vtb.core.types import Array, Json, Prediction, Reason, Sample, Verdict
from vtb.media.compare import Mask, align
from vtb.media.judge import judge, judge_answer

from .pattern_drawing import Easel
from .pattern_fills import Fills, Reading
from .pattern_overlay import explain
from .pattern_scene import scene_change
from .pattern_style import PatternStyle

if TYPE_CHECKING:
    from .pattern import PatternPuzzle

# The nearest fill must be nearer than this share of the distance to the second, and to the
# question mark.
MAX_RATIO = 0.8
# Farther than this (CIELAB), a picture shows none of the fills.
MAX_DISTANCE = 14
# The share of the hidden place that may clearly look like something else.
MAX_FOREIGN_SHARE = 0.15
# The undisturbed scene correlates to more; below, a better place is searched for. A shift by one
# pixel is much to small figures.
SURE_SCORE = 0.985


def check(
    task: PatternPuzzle, sample: Sample, prediction: Prediction, *, overlay: bool = False
) -> Verdict:
    """The verdict on a text, image or video: right when the answer fills the hidden place.

    A picture is unscored (score None) when the sample has no puzzle picture of its canvas.
    """
    data = sample.instance.data
    if prediction.kind == "text":
        options = data["options"]
        return judge_answer(prediction, lambda text: parse_choice(text, options), data["answer"])
    puzzle = sample.puzzle
    if puzzle is None or list(puzzle.shape[1::-1]) != list(data["canvas"]):
        details = {"error": "the sample has no puzzle picture of the size of its canvas"}
        return Verdict(None, False, Reason.UNREADABLE, details)
    style = PatternStyle.model_validate(sample.instance.style)
    scene = Scene.of(Easel.of(task, data, style), puzzle)
    return judge(prediction, puzzle, lambda picture: check_picture(picture, scene, overlay=overlay))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A puzzle's picture, RGB uint8 (H, W, 3), and what its place `hidden` may show."""

    easel: Easel
    puzzle: Array
    fills: Fills
    hidden: Mask

    @classmethod
    def of(cls, easel: Easel, puzzle: Array) -> Scene:
        """The scene of a puzzle as its style draws it."""
        fills, (height, width) = Fills.of(easel), puzzle.shape[:2]
        return cls(easel, puzzle, fills, fills.place_on((height, width)))


def check_picture(picture: Array, scene: Scene, *, overlay: bool = False) -> Verdict:
    """The verdict on one picture (RGB uint8, any size) with the hidden place filled."""
    place = align(picture, scene.puzzle, ~scene.hidden, SURE_SCORE)
    details: dict[str, Json] = {"scene_score": round(place.score, 4)}
    if place.failure is not None:
        return Verdict(0.0, False, place.failure, details)
    aligned = place.warp(picture, scene.puzzle)
    change = scene_change(aligned, scene.puzzle, scene.hidden)
    shown, apart, reason = _shown(scene.fills.reading(aligned))
    answer = scene.easel.data["answer"]
    if change.is_large:
        reason = Reason.CHANGED_SCENE
    elif reason is Reason.OK and shown != answer:
        reason = Reason.WRONG_ANSWER
    details |= {
        "outside_difference": round(change.mean, 3),
        "changed_cells": change.num_cells,
        "predicted": shown,
        "distances": {name: round(value, 2) for name, value in apart.items()},
        "pixel_distance": round(apart[answer], 3),
    }
    passed = reason is Reason.OK
    made = explain(scene.easel, scene.puzzle, aligned, scene.hidden, change) if overlay else None
    return Verdict(float(passed), passed, reason, details, made)


def _shown(reading: Reading) -> tuple[str | None, dict[str, float], Reason]:
    """The fill that is shown, None without a clear one, how far each is, and why (OK for one)."""
    apart = reading.distances()
    nearest, second, *_ = sorted(apart, key=apart.__getitem__)
    if apart[nearest] > min(MAX_DISTANCE, MAX_RATIO * reading.distance_from_blank(nearest)):
        return None, apart, Reason.NO_ANSWER
    is_clear = apart[nearest] <= MAX_RATIO * apart[second]
    if not is_clear or reading.foreign_share(nearest) > MAX_FOREIGN_SHARE:
        return None, apart, Reason.AMBIGUOUS_ANSWER
    return nearest, apart, Reason.OK
