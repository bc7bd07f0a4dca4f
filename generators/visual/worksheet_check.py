"""The judgement of worksheets: every place holds the right value, on a scene that is still there.

Thresholds were set on decoded video; the tests beside say what passes and what fails with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vtb.core.types import Array, Json, Prediction, Reason, Sample, Verdict
from vtb.media.compare import Alignment, align
from vtb.media.judge import judge, judge_answer

from .worksheet_page import EMPTY, SEVERAL, Page

if TYPE_CHECKING:
    from .worksheet import Worksheet

# An unfinished answer earns at most this.
PARTIAL = 0.5
RIGHT, WRONG, MISSING = (40, 170, 70), (230, 0, 200), (90, 140, 240)


def check(
    sheet: Worksheet[Any], sample: Sample, prediction: Prediction, *, overlay: bool = False
) -> Verdict:
    """The verdict on a text, image or video for a worksheet.

    A picture is unscored (score None) when the sample has no puzzle picture of its style's size.
    """
    instance, puzzle = sample.instance, sample.puzzle
    if prediction.kind == "text":
        return judge_answer(prediction, sheet.parse, instance.solution)
    page = sheet.page(instance, sheet.Style.model_validate(instance.style))
    if puzzle is None or puzzle.shape != page.puzzle.shape:
        details = {"error": "the sample has no puzzle picture of the size its style tells"}
        return Verdict(None, False, Reason.UNREADABLE, details)
    return judge(prediction, puzzle, lambda picture: check_picture(picture, page, overlay=overlay))


def check_picture(picture: Array, page: Page, *, overlay: bool = False) -> Verdict:
    """The verdict on one picture (RGB uint8, any size) of a filled page."""
    place = align(picture, page.puzzle, page.fixed())
    details: dict[str, Json] = {"scene_score": round(place.score, 4)}
    if place.failure is not None:
        return Verdict(0.0, False, place.failure, details)
    seen = _within_puzzle(place, picture, page.puzzle)
    values = page.read(seen)
    reason = _reason(page, values, page.is_changed(seen, values))
    details |= {"predicted": values, "progress": round(progress(page.wanted, values), 4)}
    return Verdict(
        score=_score(reason, progress(page.wanted, values)),
        passed=reason is Reason.OK,
        reason=reason,
        details=details,
        overlay=_explain(page, seen, values) if overlay else None,
    )


def _within_puzzle(place: Alignment, picture: Array, puzzle: Array) -> Array:
    """The picture in the puzzle's pixels; what it does not show, after a shift, is the puzzle's."""
    seen = puzzle.copy()
    rows = slice(max(0, place.top), max(0, place.top + place.height))
    columns = slice(max(0, place.left), max(0, place.left + place.width))
    seen[rows, columns] = place.warp(picture, puzzle)[rows, columns]
    return seen


def progress(wanted: Sequence[int], values: Sequence[int]) -> float:
    """The share of the places to be filled that are right, less those filled by mistake."""
    pairs = list(zip(wanted, values, strict=True))
    right = sum(value == want != EMPTY for want, value in pairs)
    mistaken = sum(want == EMPTY != value for want, value in pairs)
    return max(0, right - mistaken) / sum(want != EMPTY for want in wanted)


def _reason(page: Page, values: Sequence[int], changed: bool) -> Reason:
    if changed:
        return Reason.CHANGED_SCENE
    if all(value == EMPTY for value in values):
        return Reason.NO_ANSWER
    if SEVERAL in values:
        return Reason.AMBIGUOUS_ANSWER
    return Reason.OK if list(values) == list(page.wanted) else Reason.WRONG_ANSWER


def _score(reason: Reason, share: float) -> float:
    if reason is Reason.OK:
        return 1.0
    return PARTIAL * share if reason is Reason.WRONG_ANSWER else 0.0


def _explain(page: Page, picture: Array, values: Sequence[int]) -> Array:
    """The picture with a frame round every place: right, wrong, or blue where one is missing."""
    overlay = picture.copy()
    width = max(2, round(min(picture.shape[:2]) / 128))
    for box, want, value in zip(page.places, page.wanted, values, strict=True):
        if want == value == EMPTY:
            continue
        colour = RIGHT if want == value else MISSING if value == EMPTY else WRONG
        corner, opposite = (box.left, box.top), (box.right - 1, box.bottom - 1)
        cv2.rectangle(overlay, corner, opposite, colour, width)
    return np.asarray(overlay, np.uint8)
