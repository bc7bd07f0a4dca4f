"""Clips that show an answer without giving it: what no verifier of videos may let pass."""

from __future__ import annotations

from collections.abc import Iterator

from vtb.core.types import Array

from .video import encode

NUM_FRAMES = 5
FPS = 8
# Harder than the crf 18 of datasets.
CRF = 23


def wrong_clips(puzzle: Array, solved: Array) -> Iterator[tuple[str, bytes]]:
    """Encoded clips of five frames, of which the median of the last three counts.

    The puzzle only, the solution in the last frame only, and a solution that is undone; both
    pictures are RGB uint8 (H, W, 3) with even sides.
    """
    yield "video_unsolved", still_clip([puzzle] * NUM_FRAMES)
    yield "video_late", still_clip([*[puzzle] * (NUM_FRAMES - 1), solved])
    yield "video_undone", still_clip([*[solved] * (NUM_FRAMES - 2), puzzle, puzzle])


def still_clip(frames: list[Array]) -> bytes:
    """The frames as an H.264 clip, compressed harder than those of datasets."""
    height, width = frames[0].shape[:2]
    return encode(frames, num_frames=len(frames), height=height, width=width, fps=FPS, crf=CRF)
