"""What of a request is wrong, or otherwise than the user may think, before anything starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vtb.core.errors import UsageError
from vtb.recipe.schema import VideoDataTable
from vtb.run.plan import Check
from vtb.train.launch.job import SPLIT, VideoJob
from vtb.train.launch.workload import trainable_parameters

if TYPE_CHECKING:
    from vtb.media.video import VideoInfo


def geometry_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the model can make clips of the recipe's size and length."""
    data = job.recipe.data
    try:
        job.checkpoint.variant.check_geometry(data.num_frames, data.height, data.width)
    except UsageError as error:
        yield Check("error", "geometry", str(error), error.hint)


def recipe_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the values of the recipe go together."""
    train, strategy = job.recipe.train, job.recipe.dist.strategy
    try:
        trainable_parameters(job)
    except UsageError as error:
        yield Check("error", "target_modules", error.message, error.hint)
    if train.base_precision == "fp8" and train.forward == "reference":
        message = "diffsynth's own forward knows no fp8"
        yield Check("error", "fp8", message, "-s train.forward=fast")
    if train.base_precision == "fp8" and train.target != "lora":
        message = "fp8 weights are frozen, and only a LoRA leaves them so"
        yield Check("error", "fp8", message, "-s train.base_precision=bf16")
    if job.is_cache_only and train.target == "vae":
        message = "a VAE is trained on the clips as they are: nothing is to be encoded"
        yield Check("error", "cache", message, "leave --cache-only out")
    if strategy != "ddp":
        yield from _zero_checks(job)


def _zero_checks(job: VideoJob) -> Iterator[Check]:
    train, strategy, world = job.recipe.train, job.recipe.dist.strategy, job.cluster.world
    if train.target != "lora":
        yield Check("error", "strategy", f"{strategy} trains a LoRA only", "-s dist.strategy=ddp")
    if train.base_precision == "fp8":
        message = f"{strategy} would turn fp8 weights into bf16"
        yield Check("error", "strategy", message, "-s dist.strategy=ddp")
    if train.ema:
        message = f"{strategy} has no whole float32 weights to average"
        yield Check("error", "strategy", message, "-s train.ema=0, or -s dist.strategy=ddp")
    if strategy == "zero3" and job.gpus and train.forward == "fast" and train.compile:
        message = "blocks whose weights are gathered when needed cannot be compiled"
        yield Check("error", "strategy", message, "-s train.compile=false")
    if strategy == "zero3" and world & (world - 1):
        message = f"zero3 cuts weights into equal parts, and {world} is no power of two"
        yield Check("error", "strategy", message, "use 2, 4, 8, … devices")


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
