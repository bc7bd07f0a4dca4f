"""Encodes what a cache lacks."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vtb.models.wan.load import load_pipeline
from vtb.models.wan.variants import PartName
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.encode import ClipEncoder, PromptEncoder, encoder_dtype
from vtb.train.latents.entry import write_entry
from vtb.train.latents.store import Kind
from vtb.train.loop.prefetch import prefetched

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

# Loads one part of the cache's checkpoint.
Load = Callable[[PartName], "WanVideoPipeline"]


@dataclass(frozen=True, slots=True)
class Built:
    """How many clips and prompts were encoded."""

    latents: int
    texts: int


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
    that it raises ends the build, and what is finished stays. Raises UnreadableError for a damaged
    clip.
    """

    def load(part: PartName) -> WanVideoPipeline:
        directory, dtype = cache.checkpoint.directory, encoder_dtype(device)
        return load_pipeline(directory, device=device, dtype=dtype, parts=(part,), log=log)

    cache.store.begin(cache.encoding.vae)
    texts = _share(cache, "text", rank, world_size)
    latents = _share(cache, "latents", rank, world_size)
    done = 0
    for keys, encoded in (
        (texts, _encode_texts(cache, texts, load)),
        (latents, _encode_clips(cache, latents, clips, load)),
    ):
        if keys:
            for written in encoded:
                done += written
                on_progress(done, len(texts) + len(latents))
            _release()
    return Built(len(latents), len(texts))


def _share(cache: LatentCache, kind: Kind, rank: int, world_size: int) -> list[str]:
    share = cache.keys(kind)[rank::world_size]
    return [key for key in share if not cache.store.use(kind, key)]


def _encode_texts(cache: LatentCache, keys: Sequence[str], load: Load) -> Iterator[int]:
    encoder = PromptEncoder(load("text_encoder"))
    yield 0
    for key in keys:
        context = encoder.encode(cache.prompts[key])
        write_entry(
            cache.store.path("text", key),
            {"context": context},
            dtype=cache.encoding.dtype,
            metadata={"tokens": len(context)},
        )
        yield 1


def _encode_clips(
    cache: LatentCache, keys: Sequence[str], clips: ClipSource, load: Load
) -> Iterator[int]:
    encoder = ClipEncoder(load("vae"), cache.checkpoint)
    numbers = {key: number for number, key in enumerate(cache.latents)}
    requests = (range(numbers[key], numbers[key] + 1) for key in keys)
    yield 0
    # The next clips are decoded while the present one is encoded.
    decoded = prefetched(lambda request: clips.read(request.start), requests)
    for key, clip in zip(keys, decoded, strict=True):
        num_frames, height, width = clip.frames.shape[:3]
        write_entry(
            cache.store.path("latents", key),
            encoder.encode(clip.frames),
            dtype=cache.encoding.dtype,
            metadata={"id": clip.id, "height": height, "width": width, "num_frames": num_frames},
        )
        yield 1


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
