"""VideoThinkBench's rule for marked options: the one nearest to the mean of all red.

Constants are those of its published evaluator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from vtb.core.types import Array, Json, Reason, Verdict

MIN_RED = 140
MIN_REDNESS = 40
MAX_OTHER = 130
MIN_RED_PX = 20
STRIDE = 5


def check_options(frames: Array, canvas: tuple[int, int], fields: Mapping[str, Any]) -> Verdict:
    """The verdict on frames, RGB uint8 (T, H, W, 3), by the fields of `data.json`.

    Every fifth frame votes for the option it shows; of equal counts the first letter wins, as in
    the published evaluator. `canvas` is (width, height) of the puzzle.
    """
    votes = Counter(
        option
        for frame in frames[::STRIDE]
        if (option := _option(frame, canvas, fields)) is not None
    )
    most = max(votes.values(), default=0)
    predicted = min((option for option, count in votes.items() if count == most), default=None)
    passed = predicted == fields["correct_option"]
    reason = Reason.OK if passed else Reason.WRONG_ANSWER
    details: dict[str, Json] = {
        "predicted": predicted,
        "votes": dict(sorted(votes.items())),
        "last_frame": _option(frames[-1], canvas, fields),
    }
    if predicted is None:
        return Verdict(0.0, False, Reason.NO_ANSWER, details)
    return Verdict(float(passed), passed, reason, details)


def _option(frame: Array, canvas: tuple[int, int], fields: Mapping[str, Any]) -> str | None:
    r, g, b = cv2.split(frame)
    others = cv2.max(g, b)
    reds = (r >= MIN_RED) & (cv2.subtract(r, others) >= MIN_REDNESS) & (others <= MAX_OTHER)
    ys, xs = np.nonzero(reds)
    if xs.size < MIN_RED_PX:
        return None
    x, y = xs.mean(), ys.mean()
    x_scale, y_scale = frame.shape[1] / canvas[0], frame.shape[0] / canvas[1]
    nearest = min(
        fields["candidates"], key=lambda c: np.hypot(c["x"] * x_scale - x, c["y"] * y_scale - y)
    )
    return str(nearest["label"])
