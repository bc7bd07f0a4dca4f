"""Encodes what a cache lacks."""

from __future__ import annotations

import gc
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from vtb.core.errors import VtbError
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.variants import PartName
from vtb.run.executor import map_ordered, usable_cpus
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import Clip, ClipRequest, ClipSource
from vtb.train.latents.encode import ClipEncoder, PromptEncoder, encoder_dtype
from vtb.train.latents.entry import write_entry
from vtb.train.latents.store import Kind
from vtb.train.loop.prefetch import prefetched

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
# Loads one part of the cache's checkpoint.
Load = Callable[[PartName], "WanVideoPipeline"]
# Told how many more files are finished.
Tell = Callable[[int], None]

# What a GPU encodes at once: one clip of the published model, or many small ones.
BATCH_PIXELS = 81 * 480 * 832
# Processes take seconds to start; eight decode some 2,000 clips of 288x288x17 a second.
MANY_CLIPS, MAX_DECODERS = 1000, 8
# A file is written in a millisecond or two, most of which is waiting for the disk.
WRITERS = 8
MAX_UNWRITTEN = 256


@dataclass(frozen=True, slots=True)
class Built:
    """How many clips and prompts were encoded."""

    latents: int
    texts: int


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Kind
    key: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str | int]


def build_missing(
    cache: LatentCache,
    clips: ClipSource,
    *,
    device: str,
    rank: int = 0,
    world_size: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    log: Path | None = None,
) -> Built:
    """Encodes one worker's share of what is missing or damaged.

    Each of `world_size` workers takes every so many'th key of the whole data set, so the shares do
    not depend on what other workers have finished meanwhile. Text encoder and VAE are loaded one
    after the other, each only when it is needed, and freed. `on_progress` is told how many files
    are done and how many there will be, when an encoder is loaded and after each file; an exception
    that it raises ends the build, and what is encoded by then stays. Raises UnreadableError for a
    damaged clip.
    """

    def load(part: PartName) -> WanVideoPipeline:
        directory, dtype = cache.checkpoint.directory, encoder_dtype(device)
        return load_pipeline(directory, device=device, dtype=dtype, parts=(part,), log=log)

    def tell(finished: int) -> None:
        nonlocal done
        done += finished
        on_progress(done, len(texts) + len(latents))

    cache.store.begin(cache.encoding.vae)
    texts = _share(cache, "text", rank, world_size)
    latents = _share(cache, "latents", rank, world_size)
    done = 0
    if texts:
        _encode_texts(cache, texts, load, tell)
        _release()
    if latents:
        _encode_clips(cache, latents, clips, batch_pixels(device), load, tell)
        _release()
    return Built(len(latents), len(texts))


def batch_pixels(device: str) -> int:
    """How many pixels a device encodes at once; on a CPU, which gains nothing, one clip's."""
    return 0 if torch.device(device).type == "cpu" else BATCH_PIXELS


def _share(cache: LatentCache, kind: Kind, rank: int, world_size: int) -> list[str]:
    share = cache.keys(kind)[rank::world_size]
    return [key for key in share if not cache.store.use(kind, key)]


def _encode_texts(cache: LatentCache, keys: Sequence[str], load: Load, tell: Tell) -> None:
    encoder = PromptEncoder(load("text_encoder"))
    tell(0)
    contexts = ((key, encoder.encode(cache.prompts[key])) for key in keys)
    entries = (
        _Entry("text", key, {"context": context}, {"tokens": len(context)})
        for key, context in contexts
    )
    _write(cache, entries, tell)


def _encode_clips(
    cache: LatentCache,
    keys: Sequence[str],
    clips: ClipSource,
    pixels: int,
    load: Load,
    tell: Tell,
) -> None:
    encoder = ClipEncoder(load("vae"), cache.checkpoint)
    numbers = {key: number for number, key in enumerate(cache.latents)}
    tell(0)
    # The next clips are decoded while the present ones are encoded.
    with closing(_decoded(clips, [numbers[key] for key in keys], pixels)) as decoded:
        batches = batched(zip(keys, decoded, strict=True), pixels)
        encoded = _one_ahead(lambda batch: _encoded(encoder, batch), batches)
        _write(cache, chain.from_iterable(encoded), tell)


def _decoded(clips: ClipSource, numbers: Sequence[int], pixels: int) -> Generator[Clip]:
    """Yields clips in order: in processes where a GPU takes many at once, else in threads.

    Threads wait for Python's lock, which the encoding needs too, but hand clips over for nothing.
    """
    largest = max(height * width for height, width in clips.sizes) * clips.table.num_frames
    if 2 * largest > pixels or len(numbers) < MANY_CLIPS:
        return prefetched(clips.read, numbers)
    workers = min(MAX_DECODERS, usable_cpus())
    return map_ordered(ClipRequest.read, map(clips.request, numbers), workers=workers)


def batched(clips: Iterable[tuple[str, Clip]], pixels: int) -> Iterator[Sequence[tuple[str, Clip]]]:
    """Yields clips of equal shape, as many as have at most `pixels` px together but at least one.

    What is left of each shape comes last.
    """
    waiting: defaultdict[tuple[int, ...], list[tuple[str, Clip]]] = defaultdict(list)
    for key, clip in clips:
        frames = clip.frames
        waiting[frames.shape].append((key, clip))
        if (len(waiting[frames.shape]) + 1) * frames[..., 0].size > pixels:
            yield waiting.pop(frames.shape)
    yield from waiting.values()


def _one_ahead(function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Generator[ResultT]:
    """Yields `function(item)` in order; the next item is fetched while it works at one.

    An error of `items` is raised once the items before it are done.
    """
    fetched, failure, pending = iter(items), None, deque[Future[ResultT]]()
    with ThreadPoolExecutor(1, "encode") as pool:
        while failure is None:
            try:
                pending.append(pool.submit(function, next(fetched)))
            except (StopIteration, VtbError) as error:
                failure = error
            may_wait = 1 if failure is None else 0
            while len(pending) > may_wait:
                yield pending.popleft().result()
    if isinstance(failure, VtbError):
        raise failure


def _encoded(encoder: ClipEncoder, batch: Sequence[tuple[str, Clip]]) -> list[_Entry]:
    encoded = encoder.encode([clip.frames for _, clip in batch])
    return [
        _Entry(
            "latents",
            key,
            {name: tensors[index] for name, tensors in encoded.items()},
            dict(zip(("num_frames", "height", "width"), clip.frames.shape, strict=False))
            | {"id": clip.id},
        )
        for index, (key, clip) in enumerate(batch)
    ]


def _write(cache: LatentCache, entries: Iterable[_Entry], tell: Tell) -> None:
    """Writes entries while the next ones are encoded; all that were encoded, whatever happens."""
    unwritten: deque[Future[None]] = deque()
    with ThreadPoolExecutor(WRITERS, "write") as pool:
        for entry in entries:
            unwritten.append(
                pool.submit(
                    write_entry,
                    cache.store.path(entry.kind, entry.key),
                    entry.tensors,
                    dtype=cache.encoding.dtype,
                    metadata=entry.metadata,
                )
            )
            while unwritten and (unwritten[0].done() or len(unwritten) > MAX_UNWRITTEN):
                unwritten.popleft().result()
                tell(1)
        for future in unwritten:
            future.result()
            tell(1)


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
