"""Clips become files of latents: decoded, encoded and written at the same time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from vtb.core.errors import VtbError
from vtb.train.latents.clips import Clip
from vtb.train.latents.encode import ClipEncoder
from vtb.train.latents.entry import write_entry

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
# Told how many more files are finished.
Tell = Callable[[int], None]

# What a GPU encodes at once: one clip of the published model, or many small ones.
BATCH_PIXELS = 81 * 480 * 832
# A file is written in a millisecond or two, most of which is waiting for the disk.
WRITERS = 8
MAX_UNWRITTEN = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to be."""

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str | int]


def batch_pixels(device: str) -> int:
    """How many pixels a device encodes at once; on a CPU, which gains nothing, one clip's."""
    return 0 if torch.device(device).type == "cpu" else BATCH_PIXELS


def encode_clips(
    encoder: ClipEncoder,
    paths: Sequence[Path],
    decoded: Generator[Clip],
    *,
    pixels: int,
    dtype: str,
    tell: Tell,
) -> None:
    """Writes the latents of each clip that is `decoded` to the path of its number.

    `pixels` are encoded at once, while the next clips are decoded. What is encoded by then is
    written, whatever happens.
    """
    with closing(decoded):
        batches = batched(zip(paths, decoded, strict=True), pixels)
        encoded = _one_ahead(lambda batch: _encoded(encoder, batch), batches)
        write_entries(chain.from_iterable(encoded), dtype, tell)


def batched(
    clips: Iterable[tuple[Path, Clip]], pixels: int
) -> Iterator[Sequence[tuple[Path, Clip]]]:
    """Yields clips of equal shape, as many as have at most `pixels` px together but at least one.

    What is left of each shape comes last.
    """
    waiting: defaultdict[tuple[int, ...], list[tuple[Path, Clip]]] = defaultdict(list)
    for path, clip in clips:
        frames = clip.frames
        waiting[frames.shape].append((path, clip))
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


def _encoded(encoder: ClipEncoder, batch: Sequence[tuple[Path, Clip]]) -> list[Entry]:
    encoded = encoder.encode([clip.frames for _, clip in batch])
    return [
        Entry(
            path,
            {name: tensors[index] for name, tensors in encoded.items()},
            dict(zip(("num_frames", "height", "width"), clip.frames.shape, strict=False))
            | {"id": clip.id},
        )
        for index, (path, clip) in enumerate(batch)
    ]


def write_entries(entries: Iterable[Entry], dtype: str, tell: Tell) -> None:
    """Writes entries while the next ones are encoded; all that were encoded, whatever happens."""
    unwritten: deque[Future[None]] = deque()
    with ThreadPoolExecutor(WRITERS, "write") as pool:
        for entry in entries:
            unwritten.append(
                pool.submit(
                    write_entry, entry.path, entry.tensors, dtype=dtype, metadata=entry.metadata
                )
            )
            while unwritten and (unwritten[0].done() or len(unwritten) > MAX_UNWRITTEN):
                unwritten.popleft().result()
                tell(1)
        for future in unwritten:
            future.result()
            tell(1)
