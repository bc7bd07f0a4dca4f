"""Encodes what a cache of pictures lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vtb.core.types import Array
from vtb.models.qwen_image.load import load_pipeline
from vtb.models.qwen_image.variants import PartName
from vtb.train.image.cache import PictureCache
from vtb.train.image.encode import PictureEncoder, PromptEncoder, reference_pixels
from vtb.train.image.pictures import Pictures, PictureSource
from vtb.train.latents.build import release
from vtb.train.latents.encode import encoder_dtype
from vtb.train.latents.pipeline import Entry, batch_pixels, write_entries
from vtb.train.latents.store import Kind
from vtb.train.loop.prefetch import prefetched

if TYPE_CHECKING:
    from diffsynth.pipelines.qwen_image import QwenImagePipeline


def build_missing(
    cache: PictureCache,
    pictures: PictureSource,
    *,
    device: str,
    rank: int = 0,
    world_size: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    log: Path | None = None,
) -> None:
    """Encodes one worker's share of what is missing or damaged, as `vtb.train.latents.build`."""
    cache.store.begin(cache.encoding.vae)
    texts = _share(cache, "text", rank, world_size)
    latents = _share(cache, "latents", rank, world_size)
    done = 0

    def tell(finished: int) -> None:
        nonlocal done
        done += finished
        on_progress(done, len(texts) + len(latents))

    def load(part: PartName) -> QwenImagePipeline:
        directory, dtype = cache.checkpoint.directory, encoder_dtype(device)
        return load_pipeline(directory, device=device, dtype=dtype, parts=(part,), log=log)

    dtype = cache.encoding.dtype
    if texts:
        encoder = PromptEncoder(
            load("text_encoder"), cache.checkpoint.variant, resizes=cache.encoding.resizes
        )
        tell(0)
        write_entries(_texts(cache, texts, pictures, encoder), dtype, tell)
        del encoder
        release()
    if latents:
        drawer = PictureEncoder(load("vae"))
        tell(0)
        pixels = batch_pixels(device)
        write_entries(_latents(cache, latents, pictures, drawer, pixels), dtype, tell)
        del drawer
        release()


def _share(cache: PictureCache, kind: Kind, rank: int, world_size: int) -> list[str]:
    share = cache.keys(kind)[rank::world_size]
    return [key for key in share if not cache.store.use(kind, key)]


def _texts(
    cache: PictureCache, keys: Sequence[str], pictures: PictureSource, encoder: PromptEncoder
) -> Iterator[Entry]:
    by_key = {key: number for number, key in enumerate(cache.texts)}
    samples = prefetched(pictures.read, [by_key[key] for key in keys])
    for key, sample in zip(keys, samples, strict=True):
        prompt = encoder.encode(sample.prompt, sample.references)
        yield Entry(cache.store.path("text", key), {"text": prompt}, {"tokens": len(prompt)})


def _latents(
    cache: PictureCache,
    keys: Sequence[str],
    pictures: PictureSource,
    encoder: PictureEncoder,
    pixels: int,
) -> Iterator[Entry]:
    """Pictures of equal size are encoded together, as many as have `pixels` px, at least one."""
    waiting: defaultdict[tuple[int, ...], list[tuple[str, Array]]] = defaultdict(list)
    for key, picture in _wanted(cache, keys, pictures):
        group = waiting[picture.shape]
        group.append((key, picture))
        if (len(group) + 1) * picture[..., 0].size > pixels:
            yield from _encoded(cache, waiting.pop(picture.shape), encoder)
    for group in waiting.values():
        yield from _encoded(cache, group, encoder)


def _wanted(
    cache: PictureCache, keys: Sequence[str], pictures: PictureSource
) -> Iterator[tuple[str, Array]]:
    """The pixels of each key; the pictures of a sample are read once."""
    left = set(keys)
    numbers: list[int] = []
    for number, of_sample in enumerate(cache.latents()):
        if not left.isdisjoint(of_sample):
            left.difference_update(of_sample)
            numbers.append(number)
    left = set(keys)
    for number, sample in zip(numbers, prefetched(pictures.read, numbers), strict=True):
        for key, picture in zip(cache.latents()[number], _pixels(sample, cache), strict=True):
            if key in left:
                left.remove(key)
                yield key, picture


def _pixels(sample: Pictures, cache: PictureCache) -> list[Array]:
    resizes = cache.encoding.resizes
    return [sample.made, *(reference_pixels(one, resizes=resizes) for one in sample.references)]


def _encoded(
    cache: PictureCache, group: Sequence[tuple[str, Array]], encoder: PictureEncoder
) -> Iterator[Entry]:
    latents = encoder.encode([picture for _, picture in group])
    for (key, picture), tensor in zip(group, latents, strict=True):
        size: dict[str, str | int] = dict(zip(("height", "width"), picture.shape, strict=False))
        yield Entry(cache.store.path("latents", key), {"latents": tensor}, size)
