"""Encodes what a cache lacks."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vtb.models.wan.load import load_pipeline
from vtb.models.wan.variants import PartName
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.encode import ClipEncoder, PromptEncoder, encoder_dtype
from vtb.train.latents.pipeline import Entry, Tell, batch_pixels, encode_clips, write_entries
from vtb.train.latents.processes import encode_in_processes, worth_processes
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
        release()
    if latents:
        _encode_clips(cache, latents, clips, device, load, tell, log)
        release()
    return Built(len(latents), len(texts))


def _share(cache: LatentCache, kind: Kind, rank: int, world_size: int) -> list[str]:
    share = cache.keys(kind)[rank::world_size]
    return [key for key in share if not cache.store.use(kind, key)]


def _encode_texts(cache: LatentCache, keys: Sequence[str], load: Load, tell: Tell) -> None:
    encoder = PromptEncoder(load("text_encoder"))
    tell(0)
    contexts = ((key, encoder.encode(cache.prompts[key])) for key in keys)
    entries = (
        Entry(cache.store.path("text", key), {"context": context}, {"tokens": len(context)})
        for key, context in contexts
    )
    write_entries(entries, cache.encoding.dtype, tell)


def _encode_clips(
    cache: LatentCache,
    keys: Sequence[str],
    clips: ClipSource,
    device: str,
    load: Load,
    tell: Tell,
    log: Path | None,
) -> None:
    by_key = {key: number for number, key in enumerate(cache.latents)}
    numbers = [by_key[key] for key in keys]
    paths = [cache.store.path("latents", key) for key in keys]
    dtype = cache.encoding.dtype
    if worth_processes(cache.checkpoint, clips, len(keys), device):
        tell(0)
        encode_in_processes(
            paths,
            [clips.request(number) for number in numbers],
            model=cache.checkpoint.directory,
            device=device,
            dtype=dtype,
            tell=tell,
            log=log,
        )
        return
    encoder = ClipEncoder(load("vae"), cache.checkpoint)
    tell(0)
    decoded = prefetched(clips.read, numbers)
    pixels = batch_pixels(device)
    encode_clips(encoder, paths, decoded, pixels=pixels, dtype=dtype, tell=tell)


def release() -> None:
    """Gives back the memory of a model that is not needed any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
