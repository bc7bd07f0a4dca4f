"""The judgement of ARC answers: the right grid, on a puzzle that is still there.

Thresholds here and in `cells` were set on decoded video; the tests beside say what passes and
what fails with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from vtb.core.answers import parse_grid
from vtb.core.types import Array, Json, Prediction, Reason, Sample, Verdict
from vtb.media.compare import Mask, align, changed_shares, components
from vtb.media.judge import judge, judge_answer

from .cells import EMPTY, Numbers, read_grid
from .config import ArcStyle
from .identity import Grid
from .overlay import explain
from .placement import Layout, pairs_of, placements

# A wrong grid earns at most this.
PARTIAL = 0.5
# Cells are so small that a place one pixel off is looked for sooner than by default.
SURE_SCENE_SCORE = 0.99
# An arrow is gone when this share of it is, so much darker than the background is its ink, of 255.
MAX_ARROW_CHANGE = 0.5
INK_CONTRAST = 60
# Smoothed over 5 px, what moves paper by this, of 255, was painted there; of the picture, the
# smallest such spot that counts.
PAINTED_LEVEL = 60
SMOOTH_PX = 5
MIN_PAINTED = 0.001
# What lossy pictures of grids bleed into the paper around them, px.
BLEED_PX = 4


def check(sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
    """The verdict on a text, image or video: right when every cell of the answer is.

    A picture is unscored (score None) when the sample has no puzzle picture of its style's size.
    """
    data = sample.instance.data
    if prediction.kind == "text":
        return _graded(judge_answer(prediction, parse_grid, data["test_output"]), data)
    style = ArcStyle.model_validate(sample.instance.style)
    layout, puzzle = placements(data, style), sample.puzzle
    if puzzle is None or puzzle.shape[:2] != (layout.height, layout.width):
        details = {"error": "the sample has no puzzle picture of the size its style tells"}
        return Verdict(None, False, Reason.UNREADABLE, details)

    def check_image(picture: Array) -> Verdict:
        return check_picture(picture, puzzle, data, layout, style, overlay=overlay)

    return judge(prediction, puzzle, check_image)


def check_picture(
    picture: Array,
    puzzle: Array,
    data: Mapping[str, Json],
    layout: Layout,
    style: ArcStyle,
    *,
    overlay: bool = False,
) -> Verdict:
    """The verdict on one picture (RGB uint8, any size) of a puzzle with its answer filled in."""
    beside_answer = np.ones(puzzle.shape[:2], np.bool_)
    beside_answer[layout.answer.bbox.window] = False
    place = align(picture, puzzle, beside_answer, SURE_SCENE_SCORE)
    details: dict[str, Json] = {"scene_score": round(place.score, 4)}
    if place.failure is not None:
        return Verdict(0.0, False, place.failure, details)
    seen = place.warp(picture, puzzle)
    grids = [read_grid(seen, at, layout.cell, style) for at in layout.placements]
    changed = _changed_cells(grids, data)
    scene = {
        "changed_cells": sum(int(cells.sum()) for cells in changed),
        "changed_arrows": _changed_arrows(seen, puzzle, layout),
        "painted": _is_painted(seen, puzzle, layout),
    }
    wanted = np.asarray(data["test_output"])
    verdict = Verdict(
        score=0.0,
        passed=False,
        reason=_reason(any(scene.values()), grids[-1], wanted),
        details={**details, **scene, "predicted": grids[-1].tolist()},
        overlay=explain(seen, layout, changed, grids[-1] == wanted) if overlay else None,
    )
    return _graded(verdict, data)


def cell_accuracy(predicted: Grid | None, wanted: Grid) -> float:
    """The share of equal cells; 0 for a grid of another size."""
    if predicted is None:
        return 0.0
    a, b = np.asarray(predicted), np.asarray(wanted)
    return float((a == b).mean()) if a.shape == b.shape else 0.0


def _graded(verdict: Verdict, data: Mapping[str, Json]) -> Verdict:
    """The verdict with its cell accuracy, and part of the score for one above the baseline.

    The baseline is what copying the input or painting all cells in one colour is worth.
    """
    wanted = data["test_output"]
    accuracy = cell_accuracy(verdict.details.get("predicted"), wanted)
    copied = cell_accuracy(data["test_input"], wanted)
    baseline = max(copied, float(np.bincount(np.ravel(wanted)).max() / np.size(wanted)))
    score = float(verdict.reason is Reason.OK)
    if verdict.reason is Reason.WRONG_ANSWER:
        score = PARTIAL * max(0.0, accuracy - baseline)
    details = {
        "cell_accuracy": round(accuracy, 4),
        "copy_baseline": round(copied, 4),
        "baseline": round(baseline, 4),
    }
    return replace(
        verdict,
        score=score,
        passed=verdict.reason is Reason.OK,
        details={**verdict.details, **details},
    )


def _reason(changed: bool, predicted: Numbers, wanted: Numbers) -> Reason:
    if changed:
        return Reason.CHANGED_SCENE
    if (predicted == EMPTY).all():
        return Reason.NO_ANSWER
    return Reason.OK if (predicted == wanted).all() else Reason.WRONG_ANSWER


def _changed_cells(grids: list[Numbers], data: Mapping[str, Json]) -> list[Mask]:
    """For each grid but the answer, which cells no longer show their colour."""
    given = [np.asarray(grid) for pair in pairs_of(data) for grid in pair][:-1]
    return [seen != grid for seen, grid in zip(grids[:-1], given, strict=True)]


def _changed_arrows(seen: Array, puzzle: Array, layout: Layout) -> int:
    """How many arrows are gone."""
    elements = np.full(puzzle.shape[:2], len(layout.arrows), np.int32)
    for number, box in enumerate(layout.arrows):
        space = puzzle[box.window].max(axis=2)
        elements[box.window][space < space.max() - INK_CONTRAST] = number
    nothing = np.zeros(puzzle.shape[:2], np.bool_)
    shares = changed_shares(seen, puzzle, elements, len(layout.arrows), nothing)
    return int((shares > MAX_ARROW_CHANGE).sum())


def _is_painted(seen: Array, puzzle: Array, layout: Layout) -> bool:
    """Whether something was painted beside the grids."""
    size = (SMOOTH_PX, SMOOTH_PX)
    r, g, b = cv2.split(cv2.absdiff(cv2.blur(seen, size), cv2.blur(puzzle, size)))
    painted = np.asarray(cv2.max(cv2.max(r, g), b) > PAINTED_LEVEL, np.bool_)
    for placement in layout.placements:
        painted[placement.bbox.grown(BLEED_PX).window] = False
    if not painted.any():
        return False
    return int(np.bincount(components(painted)[painted]).max()) >= MIN_PAINTED * painted.size
