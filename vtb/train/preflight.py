"""What would go wrong, or otherwise than the user may think, found before anything starts."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vtb.core.errors import UsageError
from vtb.recipe.schema import VideoDataTable
from vtb.run.plan import Check, Estimates
from vtb.train.job import SPLIT, VideoJob

if TYPE_CHECKING:
    from vtb.media.video import VideoInfo

MEMORY_SHARE = 0.95


def geometry_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the model can make clips of the recipe's size and length."""
    data = job.recipe.data
    try:
        job.checkpoint.variant.check_geometry(data.num_frames, data.height, data.width)
    except UsageError as error:
        yield Check("error", "geometry", str(error), error.hint)


def clip_checks(job: VideoJob) -> Iterator[Check]:
    """How the clips of the data set, by their headers, fit the recipe."""
    from vtb.media.video import read_header  # a finished run answers without loading codecs

    clips: Counter[VideoInfo] = Counter()
    missing = 0
    for row in job.dataset.rows(SPLIT, columns=["video"]):
        video = row["video"]
        if video is None:
            missing += 1
        else:
            clips[read_header(video["bytes"])] += 1
    if missing:
        total = missing + clips.total()
        yield Check(
            "error",
            "videos",
            f"{missing} of {total} samples have no video",
            "make the data set again with --video",
        )
    for clip, count in clips.items():
        yield from _compare(job.recipe.data, clip, count)


def _compare(data: VideoDataTable, clip: VideoInfo, count: int) -> Iterator[Check]:
    many = f"{count} clip{'s' if count > 1 else ''}"
    if clip.num_frames < data.num_frames:
        yield Check(
            "error",
            "frames",
            f"{many} of {clip.num_frames} frames, the recipe wants {data.num_frames}",
            f"-s data.num_frames={(clip.num_frames - 1) // 4 * 4 + 1}",
        )
    elif clip.num_frames > data.num_frames:
        what = "re-timed to" if data.frame_plan == "uniform" else "cut to the first"
        message = f"{many} of {clip.num_frames} frames {what} {data.num_frames}"
        yield Check("warning", "frames", message)
    if abs(clip.fps - data.fps) > 0.01:
        message = f"{many} at {clip.fps:g} fps, the recipe plays at {data.fps:g}"
        yield Check("warning", "fps", message, f"-s data.fps={clip.fps:g}")
    if (clip.height, clip.width) != (data.height, data.width):
        yield _size_check(data, clip, many)


def _size_check(data: VideoDataTable, clip: VideoInfo, many: str) -> Check:
    message = f"{many} of {clip.height}x{clip.width}, the recipe wants {data.height}x{data.width}"
    if data.fit == "exact":
        hint = f"-s data.height={clip.height} -s data.width={clip.width}, or -s data.fit=pad"
        return Check("error", "size", message, hint)
    return Check("warning", "size", f"{message}: scaled and padded")


def attention_checks(
    is_installed: Callable[[str], object] = find_spec,
) -> Iterator[Check]:
    """Whether diffsynth would pick an attention that has no backward pass.

    It takes what is installed, in the order FlashAttention 3, 2, SageAttention.
    """
    flash = is_installed("flash_attn_interface") or is_installed("flash_attn")
    if is_installed("sageattention") and not flash:
        yield Check(
            "error",
            "attention",
            "sageattention has no backward pass, and diffsynth would use it",
            "pip uninstall sageattention, or install flash-attn beside it",
        )


def resource_checks(job: VideoJob, estimates: Estimates) -> Iterator[Check]:
    """Whether memory and disk suffice."""
    needed_gib = estimates.memory_gib or 0.0
    if job.gpu and needed_gib > MEMORY_SHARE * job.gpu.memory_gib:
        message = f"about {needed_gib:.0f} GiB needed, {job.gpu.name} has {job.gpu.memory_gib:.0f}"
        can_recompute = job.recipe.train.activation_checkpointing == "none"
        hint = "-s train.activation_checkpointing=full" if can_recompute else "use smaller clips"
        yield Check("error", "memory", message, hint)
    # The kept ones, the one being written, and the final files.
    needed = estimates.checkpoint_bytes * (job.recipe.save.keep + 2)
    free = shutil.disk_usage(_existing(job.run.path)).free
    if needed > free:
        yield Check(
            "error",
            "disk",
            f"checkpoints need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            "free some space, choose another -o, or keep fewer: -s save.keep=1",
        )


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())
