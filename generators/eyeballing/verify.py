"""The judgement of eyeballing answers: which marker is marked, on a figure that is still there.

Thresholds here and in `scene` were set on decoded video; the tests beside say what passes and
what fails with them.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.answers import parse_letter
from vtb.core.types import Array, Json, Prediction, Reason, Sample, Verdict
from vtb.media.compare import align, grow, red
from vtb.media.judge import judge, judge_answer

from .overlay import explain
from .scene import INK_LEVEL, Scene, is_changed, marker_window, read_scene, scene_measures

# Thin strokes correlate to 0.4 when blurred; what is left of them is measured afterwards.
MIN_SCENE_SCORE = 0.3
# Constructions beside given strokes leave this much; a shift by more than the tolerance does not.
SURE_SCENE_SCORE = 0.7
# An option counts as marked when this share of its fill is reddish, or of its ring red; another
# with half as much makes the answer ambiguous.
MIN_MARK = 0.5
AMBIGUOUS_SHARE = 0.5
# How much redder than in the puzzle a pale fill is at least, of 255.
MIN_REDNESS_GAIN = 14
# The ring lies between these, in radii of a marker.
RING = (0.6, 1.8)
RING_SECTORS = 36
# How thick the ring is at least, in radii: blur and scaling leave red rims of a pixel.
MIN_RIM = 0.12
# Fewer fill pixels than this beside the letter say nothing.
MIN_FILL_PX = 8


def check(sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
    """The verdict on a text, image or video: right when exactly the right option is marked.

    A picture is unscored (score None) when the sample has no puzzle picture of its canvas.
    """
    data = sample.instance.data
    letters = [candidate["label"] for candidate in data["candidates"]]
    if prediction.kind == "text":
        return judge_answer(prediction, lambda text: parse_letter(text, letters), data["answer"])
    puzzle = sample.puzzle
    if puzzle is None or list(puzzle.shape[1::-1]) != list(data["canvas"]):
        details = {"error": "the sample has no puzzle picture of the size of its canvas"}
        return Verdict(None, False, Reason.UNREADABLE, details)
    scene = read_scene(puzzle, data)
    return judge(
        prediction,
        puzzle,
        lambda picture: check_picture(picture, sample, scene, overlay=overlay),
    )


def check_picture(
    picture: Array, sample: Sample, scene: Scene, *, overlay: bool = False
) -> Verdict:
    """The verdict on one picture (RGB uint8, any size) of a marked option."""
    puzzle, answer = sample.puzzle, str(sample.instance.data["answer"])
    assert puzzle is not None
    place = align(picture, puzzle, scene.near, SURE_SCENE_SCORE)
    details: dict[str, Json] = {"scene_score": round(place.score, 4)}
    if place.failure is not None and place.score < MIN_SCENE_SCORE:
        return Verdict(0.0, False, place.failure, details)
    seen = place.warp(picture, puzzle)
    measures = scene_measures(scene, seen)
    marks = {label: _mark(scene, seen, puzzle, spot) for label, spot in scene.markers.items()}
    marked = marked_options(marks)
    reason = _reason(is_changed(measures), marked, answer)
    details |= {name: round(value, 4) for name, value in measures.items()}
    details |= {
        "predicted": marked[0] if len(marked) == 1 else None,
        "marks": {label: round(mark, 3) for label, mark in marks.items()},
        "construction_iou": _construction_iou(scene, seen, sample.solution),
    }
    passed = reason is Reason.OK
    picture_of_it = explain(scene, puzzle, seen, marked, answer) if overlay else None
    return Verdict(float(passed), passed, reason, details, picture_of_it)


def marked_options(marks: Mapping[str, float]) -> list[str]:
    """The options that count as marked: none, one, or several that stand out alike."""
    best = max(marks.values())
    if best < MIN_MARK:
        return []
    return [label for label, mark in marks.items() if mark >= AMBIGUOUS_SHARE * best]


def _reason(changed: bool, marked: list[str], answer: str) -> Reason:
    if changed:
        return Reason.CHANGED_SCENE
    if not marked:
        return Reason.NO_ANSWER
    if len(marked) > 1:
        return Reason.AMBIGUOUS_ANSWER
    return Reason.OK if marked == [answer] else Reason.WRONG_ANSWER


def _mark(scene: Scene, picture: Array, puzzle: Array, spot: complex) -> float:
    """How much a marker looks marked, 0 to 1: by a reddish fill, or by a red ring."""
    radius = scene.radius
    window = marker_window(spot, RING[1] * radius)
    part, before = (np.ascontiguousarray(image[window]) for image in (picture, puzzle))
    rows, columns = window
    y, x = np.ogrid[rows.start : rows.stop, columns.start : columns.stop]
    dx, dy = x[:, : part.shape[1]] + 0.5 - spot.real, y[: part.shape[0]] + 0.5 - spot.imag
    distance = np.hypot(dx, dy)
    gained = _redness(part) - _redness(before) >= MIN_REDNESS_GAIN
    # Neither the letter nor a dark stroke across the marker tells about its fill.
    paper = ~scene.darker(before, INK_LEVEL) & (part.max(axis=2) > scene.ink_level)
    fill = (distance <= radius) & paper
    filled = float(gained[fill].mean()) if fill.sum() >= MIN_FILL_PX else 0.0
    if filled and not _is_reddish(part[fill & gained]):
        filled = 0.0
    in_ring = (distance >= RING[0] * radius) & (distance <= RING[1] * radius)
    sectors = (np.arctan2(dy, dx) + np.pi) * (RING_SECTORS / (2 * np.pi))
    hits = sectors[red(part) & ~red(before) & in_ring].astype(int) % RING_SECTORS
    counts = np.bincount(hits, minlength=RING_SECTORS)
    sector_px = 2 * np.pi * radius / RING_SECTORS * MIN_RIM * radius
    is_red = counts >= max(1, round(sector_px))
    return max(filled, float(is_red.mean()))


def _redness(picture: Array) -> NDArray[np.int16]:
    r, g, b = cv2.split(picture)
    return r.astype(np.int16) - np.asarray(cv2.max(g, b), np.int16)


def _is_reddish(colours: Array) -> bool:
    """Whether colours (N, 3) have on average a hue within 30 degrees of red.

    Of single pixels of a pale fill, a clip tells the hue no better than that.
    """
    r, g, b = colours.mean(axis=0)
    return bool(abs(g - b) <= r - max(g, b))


def _construction_iou(scene: Scene, picture: Array, solution: Array | None) -> float | None:
    """How well what was drawn agrees with the construction, give or take the tolerance."""
    if solution is None:
        return None
    free = ~(scene.near | scene.discs)
    drawn, wanted = (scene.darker(image, INK_LEVEL) & free for image in (picture, solution))
    either = int((drawn | wanted).sum())
    if not either:
        return None
    near_drawn, near_wanted = (grow(mask, scene.tolerance) for mask in (drawn, wanted))
    both = (drawn & near_wanted) | (wanted & near_drawn)
    return round(float(both.sum() / either), 4)
