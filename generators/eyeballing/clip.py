"""When which stroke of a construction is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MIN_STROKE_FRAMES = 4


def timeline(lengths: Sequence[float], num_frames: int) -> Iterator[list[float]]:
    """Per frame the share (0 to 1) that is drawn of every stroke, one stroke after another.

    Time is shared out in proportion to length, with at least four frames for each stroke where
    there are that many; on the last frame all are complete.
    """
    floor = min(1 / len(lengths), MIN_STROKE_FRAMES / num_frames) if lengths else 0.0
    total = sum(lengths) or 1.0
    free = 1 - floor * len(lengths)
    times = [floor + free * length / total for length in lengths]
    for frame in range(1, num_frames + 1):
        left = frame / num_frames if frame < num_frames else 2.0
        shares: list[float] = []
        for time in times:
            shares.append(min(1.0, max(0.0, left / time)) if time else float(left > 0))
            left -= time
        yield shares
