"""From a prediction's bytes to the picture that is judged; shared by every family of puzzles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vtb.core.answers import Parsed
from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Json, Prediction, Reason, Verdict

from .compare import Mask, align, grow, new_red, psnr
from .image import decode_image
from .video import read_frames

CheckImage: TypeAlias = Callable[[Array], Verdict]

# The state a clip ends in is the median of its last tenth, at least three frames: a flash or a
# blend in a single frame cannot pass or fail it. Of an even number the first is left out: at a
# tie, the median would mix two states into one that no frame shows.
FINAL_SHARE = 0.1
MIN_FINAL_FRAMES = 3
MAX_SAMPLED_FRAMES = 17


def judge(prediction: Prediction, puzzle: Array, check_image: CheckImage) -> Verdict:
    """The verdict of `check_image` on an image, or on the final stable state of a video.

    `check_image` gets RGB uint8 (H, W, 3) of any size. A video's details also tell how the last
    frame alone fares and how the drawing grew. What cannot be decoded is `unreadable`.
    """
    try:
        match prediction.kind:
            case "image":
                return check_image(_picture(prediction))
            case "video":
                return _judge_video(_frames(prediction), puzzle, check_image)
            case kind:
                raise UnreadableError(f"a prediction of kind `{kind}` shows no picture")
    except UnreadableError as error:
        return Verdict(0.0, False, Reason.UNREADABLE, {"error": str(error)})


def read_text(prediction: Prediction) -> str:
    """The text of a prediction, in memory or in its file; raises UnreadableError without one."""
    if prediction.text is not None:
        return prediction.text
    try:
        return Path(prediction.path or "").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise UnreadableError(f"`{prediction.path}` is not readable", fact=str(error)) from error


def judge_answer(prediction: Prediction, parse: Callable[[str], Parsed], answer: Json) -> Verdict:
    """The verdict on a text whose parsed value must equal `answer`.

    Strict: only the one answer block counts; `lenient` tells whether a bare one would pass.
    """
    try:
        parsed = parse(read_text(prediction))
    except UnreadableError as error:
        return Verdict(0.0, False, Reason.UNREADABLE, {"error": str(error)})
    is_right = parsed.status == "ok" and parsed.value == answer
    details: dict[str, Json] = {
        "tagged": parsed.tagged,
        "lenient": float(is_right),
        "predicted": parsed.value,
    }
    if parsed.status != "ok":
        return Verdict(0.0, False, Reason(parsed.status), details)
    if not parsed.tagged:
        return Verdict(0.0, False, Reason.NO_ANSWER, details)
    reason = Reason.OK if is_right else Reason.WRONG_ANSWER
    return Verdict(float(is_right), is_right, reason, details)


def shown_picture(prediction: Prediction) -> Array:
    """The picture that `judge` looks at, RGB uint8 (H, W, 3); raises UnreadableError if none."""
    if prediction.kind == "video":
        return final_state(_frames(prediction))
    return _picture(prediction)


def final_state(frames: Array) -> Array:
    """The median, pixel by pixel, of the last max(3, 10 %) of the frames (T, H, W, 3).

    Their number is odd: the first of an even one is left out.
    """
    tail = frames[-max(MIN_FINAL_FRAMES, round(FINAL_SHARE * len(frames))) :]
    return _median(list(tail[1 - len(tail) % 2 :]))


def _judge_video(frames: Array, puzzle: Array, check_image: CheckImage) -> Verdict:
    final = final_state(frames)
    verdict = check_image(final)
    place = align(final, puzzle)
    sampled = np.linspace(0, len(frames) - 1, min(len(frames), MAX_SAMPLED_FRAMES)).round()
    marks = [new_red(place.warp(frames[int(t)], puzzle), puzzle) for t in sampled]
    details: dict[str, Json] = {
        "num_frames": len(frames),
        "last_frame": str(check_image(frames[-1]).reason),
        "first_frame_psnr": round(psnr(place.warp(frames[0], puzzle), puzzle), 2),
        "growth_px": [int(mask.sum()) for mask in marks],
        "monotone": round(_monotone(marks), 4),
    }
    return replace(verdict, details={**verdict.details, **details})


def _monotone(marks: list[Mask]) -> float:
    """The share of pixels ever marked that, once marked, stay so, give or take one pixel."""
    ever = np.zeros_like(marks[0])
    lost = np.zeros_like(marks[0])
    for mask in marks:
        lost |= ever & ~grow(mask, 1)
        ever |= mask
    return 1 - float(lost.sum() / max(1, ever.sum()))


def _median(frames: list[Array]) -> Array:
    """The median of an odd number of uint8 frames.

    Frames are sorted among each other by bubble sort, as whole arrays; for a dozen frames this is
    twenty times faster than `np.median`, which sorts pixel by pixel.
    """
    frames = [frame.copy() for frame in frames]
    rank = len(frames) // 2
    for last in range(len(frames) - 1, rank - 1, -1):
        for i in range(last):
            low = np.minimum(frames[i], frames[i + 1])
            np.maximum(frames[i], frames[i + 1], out=frames[i + 1])
            frames[i] = low
    return frames[rank]


def _picture(prediction: Prediction) -> Array:
    content = prediction.content
    if not isinstance(content, np.ndarray):
        return decode_image(_source(prediction))
    return _checked(content, 3)


def _frames(prediction: Prediction) -> Array:
    content = prediction.content
    if not isinstance(content, np.ndarray):
        return read_frames(_source(prediction))
    return _checked(content, 4)


def _source(prediction: Prediction) -> bytes | Path:
    if isinstance(prediction.content, bytes):
        return prediction.content
    if prediction.path is None:
        raise UnreadableError(f"the prediction for `{prediction.sample_id}` is empty")
    return Path(prediction.path)


def _checked(pixels: Array, dimensions: int) -> Array:
    if (
        pixels.ndim != dimensions
        or pixels.shape[-1] != 3
        or pixels.dtype != np.uint8
        or not pixels.size
    ):
        fact = f"{pixels.dtype} {pixels.shape}"
        raise UnreadableError("the array is no RGB uint8 picture or clip", fact=fact)
    return pixels
