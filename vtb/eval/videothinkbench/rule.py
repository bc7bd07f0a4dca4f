"""Which of the benchmark's rules judges a sample, and what of a prediction it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vtb.core import registry
from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Prediction, Reason, Sample, Verdict
from vtb.data.answer_only import unreadable
from vtb.eval.videothinkbench.eyeballing import check_options
from vtb.eval.videothinkbench.maze import FAMILIES, check_path
from vtb.media.image import decode_image
from vtb.media.video import read_frames

# Rises when a verdict would change although sample and prediction do not.
VERSION = 1


def check(sample: Sample, prediction: Prediction) -> Verdict:
    """The benchmark's verdict on a picture or clip; unscored where it has no rule.

    The rule reads what the benchmark itself records of the puzzle, so it serves every generator
    that can be written in its format. A path is judged in the last frame of a clip, marked options
    by the vote of every fifth frame.
    """
    if unreadable(sample.instance) is not None or sample.puzzle is None:
        return _unscored("the puzzle is not known")
    fields = registry.load(sample.instance.generator).videothinkbench(sample.instance)
    if prediction.kind not in ("image", "video"):
        return _unscored(f"the rule judges pictures and clips, not {prediction.kind}")
    try:
        frames = _frames(prediction)
    except UnreadableError as error:
        return Verdict(0.0, False, Reason.UNREADABLE, {"error": str(error)})
    return _check_frames(frames, sample.puzzle, fields)


def _check_frames(frames: Array, puzzle: Array, fields: Mapping[str, Any]) -> Verdict:
    if "start_point" in fields and FAMILIES.keys() & fields.keys():
        return check_path(frames[-1], puzzle, fields)
    if "candidates" in fields:
        height, width = puzzle.shape[:2]
        return check_options(frames, (width, height), fields)
    return _unscored("the benchmark has no rule for pictures of this task")


def _frames(prediction: Prediction) -> Array:
    """The frames of a clip, or a picture as the only one, RGB uint8 (T, H, W, 3)."""
    content = prediction.content
    is_clip = prediction.kind == "video"
    if not isinstance(content, np.ndarray):
        source = content if isinstance(content, bytes) else Path(prediction.path or "")
        content = read_frames(source) if is_clip else decode_image(source)
    return content if is_clip else content[None]


def _unscored(why: str) -> Verdict:
    return Verdict(None, False, Reason.UNREADABLE, {"error": why})
