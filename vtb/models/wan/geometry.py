"""Which clip shapes a video model can make."""

from __future__ import annotations

from vtb.core.errors import UsageError


def check_geometry(
    num_frames: int, height: int, width: int, *, time_stride: int, size_multiple: int
) -> None:
    """Raises UsageError unless there are stride*n+1 frames and both sides are multiples."""
    if num_frames < 1 or (num_frames - 1) % time_stride:
        low = max(0, num_frames - 1) // time_stride * time_stride + 1
        raise UsageError(
            f"the model cannot make {num_frames} frames",
            fact=f"the number of frames is {time_stride}n+1",
            hint=f"use {low} or {low + time_stride} frames",
        )
    if height % size_multiple or width % size_multiple or min(height, width) < size_multiple:
        nearest = "x".join(str(_nearest(side, size_multiple)) for side in (height, width))
        raise UsageError(
            f"the model cannot make clips of {height}x{width}",
            fact=f"height and width are multiples of {size_multiple}",
            hint=f"the nearest legal size is {nearest}",
        )


def _nearest(side: int, multiple: int) -> int:
    return max(multiple, (side + multiple // 2) // multiple * multiple)
