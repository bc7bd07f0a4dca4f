"""Predictions that need no model: the rows every result is read against."""

from __future__ import annotations

import hashlib
from typing import Literal

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.types import Array, Prediction, Sample
from vtb.data import judging
from vtb.media.video import encode, read_frames

Baseline = Literal["oracle", "unchanged", "random", "straight"]

# Coarser than the crf 18 of datasets: the oracle must survive a second, harder compression.
CRF = 23
STILL_FRAMES = 17
FPS = 16
VERSION = 1


def make_baseline(name: Baseline, sample: Sample, seed: int) -> Prediction:
    """A baseline's prediction for a sample that was loaded with pixels and, for `oracle`, video.

    `oracle` is the ground truth and `unchanged` the puzzle, both as H.264 clips at crf 23; a
    dataset without videos gives a still clip of its solution. The others come from the
    generator; raises UsageError when it has none of that name.
    """
    if name == "oracle":
        return _clip(sample, _truth(sample))
    if name == "unchanged":
        return _clip(sample, _still(_pixels(sample, sample.puzzle)))
    prediction = judging.baseline(name, sample, seed)
    if prediction is None:
        raise UsageError(
            f"task `{sample.instance.task}` has no baseline `{name}`",
            hint="--baseline oracle or --baseline unchanged",
        )
    return prediction


def baseline_key(name: Baseline, seed: int) -> str:
    """What stands for the prediction's sha256: equal keys on one sample give equal predictions."""
    return hashlib.sha256(f"{name}/{seed}/{VERSION}".encode()).hexdigest()


def _truth(sample: Sample) -> Array:
    if sample.video is None:
        return _still(_pixels(sample, sample.solution))
    return read_frames(sample.video)


def _still(picture: Array) -> Array:
    return picture[None].repeat(STILL_FRAMES, axis=0)


def _clip(sample: Sample, frames: Array) -> Prediction:
    num_frames, height, width = frames.shape[:3]
    clip = encode(frames, num_frames=num_frames, height=height, width=width, fps=FPS, crf=CRF)
    return Prediction(sample.id, "video", content=clip)


def _pixels(sample: Sample, picture: Array | None) -> Array:
    if picture is None:
        raise UnreadableError(f"sample `{sample.id}` has no pixels")
    return picture
