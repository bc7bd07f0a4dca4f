"""How the clips of a data set fit a recipe and its model; imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from vtb.data.clips import FPS_TOLERANCE, misdescribed
from vtb.recipe.schema import VideoDataTable
from vtb.run.plan import Check
from vtb.train.latents.clips import ClipSource
from vtb.train.launch.job import VideoJob
from vtb.train.loop.batching import by_shape, epoch_length
from vtb.train.validation.checks import SPLIT as HELD_OUT
from vtb.train.validation.checks import is_measured

# How many clips there are of each (height, width) in px.
Sizes = Mapping[tuple[int, int], int]
# Each is compiled by itself, which takes about 20 s (docs/PERFORMANCE.md).
MANY_SIZES = 8


def clip_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the clips to train on and those held out have a form that the recipe can use.

    Raises UnreadableError for a damaged shard, and for a clip without header among those looked at.
    """
    data, sources = job.recipe.data, [job.clips]
    if is_measured(job.recipe, job.checkpoint.variant):
        limit = job.recipe.validation.samples
        sources.append(ClipSource(job.dataset, data, HELD_OUT, limit))
    rows = [row for source in sources for row in source.rows]
    forms = [row.facts.form for row in rows if row.facts]
    if len(forms) < len(rows):
        yield Check(
            "error",
            "videos",
            f"{len(rows) - len(forms)} of {len(rows)} samples have no video",
            "make the data set again with --video",
        )
    for source in sources:
        yield from _truth_checks(job, source.split)
    yield from _length_checks(data, Counter(form.num_frames for form in forms))
    yield from _rate_checks(data, Counter(form.fps for form in forms))
    sizes = Counter((form.height, form.width) for form in forms)
    if data.fit == "native":
        yield from _native_checks(job, sizes)
    else:
        yield from _size_checks(data, sizes)
    if job.recipe.train.target == "vae" and job.recipe.vae.crop:
        yield from _crop_checks(job, sizes)


def _truth_checks(job: VideoJob, split: str) -> Iterator[Check]:
    for file in misdescribed(job.dataset, split):
        hint = f"vtb data verify {job.dataset.path} --repair, then `vtb gen` as before"
        yield Check("error", "videos", f"`{file}` describes other clips than it holds", hint)


def _length_checks(data: VideoDataTable, lengths: Counter[int]) -> Iterator[Check]:
    for length, count in sorted(lengths.items()):
        many = f"{_clips(count)} of {length} frames"
        if length < data.num_frames:
            message = f"{many}, the recipe wants {data.num_frames}"
            hint = f"-s data.num_frames={(length - 1) // 4 * 4 + 1}"
            yield Check("error", "frames", message, hint)
        elif length > data.num_frames:
            what = "re-timed to" if data.frame_plan == "uniform" else "cut to the first"
            yield Check("warning", "frames", f"{many} {what} {data.num_frames}")


def _rate_checks(data: VideoDataTable, rates: Counter[float]) -> Iterator[Check]:
    for fps, count in sorted(rates.items()):
        if abs(fps - data.fps) > FPS_TOLERANCE:
            message = f"{_clips(count)} at {fps:g} fps, the recipe plays at {data.fps:g}"
            yield Check("warning", "fps", message, f"-s data.fps={fps:g}")


def _size_checks(data: VideoDataTable, sizes: Sizes) -> Iterator[Check]:
    for (height, width), count in sorted(sizes.items()):
        if (height, width) == (data.height, data.width):
            continue
        wanted = f"the recipe wants {data.height}x{data.width}"
        message = f"{_clips(count)} of {height}x{width}, {wanted}"
        if data.fit == "pad":
            yield Check("warning", "size", f"{message}: scaled and padded")
            continue
        same = "-s data.fit=native " if len(sizes) > 1 else ""
        hint = f"{same}{_room_for(sizes)}, or -s data.fit=pad"
        yield Check("error", "size", message, hint)


def _native_checks(job: VideoJob, sizes: Sizes) -> Iterator[Check]:
    data, multiple = job.recipe.data, job.checkpoint.variant.size_multiple
    for (height, width), count in sorted(sizes.items()):
        many = f"{_clips(count)} of {height}x{width}"
        if height % multiple or width % multiple:
            message = f"{many}, the model makes multiples of {multiple}"
            hint = "-s data.fit=pad, or make the clips again in another size"
            yield Check("error", "size", message, hint)
        if height > data.height or width > data.width:
            message = f"{many}, the recipe has room for {data.height}x{data.width}"
            room = _room_for({**sizes, (data.height, data.width): 0})
            yield Check("error", "size", message, room)
    yield Check("info", "sizes", _listing(job, sizes))
    train = job.recipe.train
    is_compiled = train.target != "vae" and train.forward == "fast" and train.compile
    if job.gpus and is_compiled and len(sizes) > MANY_SIZES:
        message = f"clips of {len(sizes)} sizes, and the model is compiled for each, about 20 s"
        yield Check("warning", "sizes", message, "-s train.compile=false, or -s data.fit=pad")


def _crop_checks(job: VideoJob, sizes: Sizes) -> Iterator[Check]:
    data, crop, multiple = (
        job.recipe.data,
        job.recipe.vae.crop,
        job.checkpoint.variant.size_multiple,
    )
    used = sizes if data.fit == "native" else [(data.height, data.width)]
    smallest = min((side for size in used for side in size), default=crop)
    if crop % multiple or crop > smallest:
        message = f"a crop of {crop} px, from clips of at least {smallest} px a side"
        hint = f"-s vae.crop={min(max(crop, multiple), smallest) // multiple * multiple}"
        yield Check("error", "crop", f"{message}; it must be a multiple of {multiple}", hint)


def _listing(job: VideoJob, sizes: Sizes) -> str:
    listed = ", ".join(f"{count} of {h}x{w}" for (h, w), count in sorted(sizes.items()))
    samples = epoch_length(map(len, by_shape(job.clips.sizes)), job.recipe.train.batch)
    more = samples - len(job.clips.ids)
    repeats = f"; {more} repeated in each epoch, to fill batches of one size" if more else ""
    return f"clips: {listed}{repeats}"


def _room_for(sizes: Sizes) -> str:
    height, width = (max(sides) for sides in zip(*sizes, strict=True))
    return f"-s data.height={height} -s data.width={width}"


def _clips(count: int) -> str:
    return f"{count} clip{'' if count == 1 else 's'}"
