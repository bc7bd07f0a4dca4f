"""Encoded clips, read back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from torch import Tensor

from vtb.train.latents.cache import LatentCache
from vtb.train.latents.encoded import Encoded
from vtb.train.latents.entry import read_entry

# Prompts of data sets are few or short; 100 tokens of 4096 bfloat16 values take 0.8 MB.
KEPT_PROMPTS = 256
# Opening a file takes a fifth of a millisecond of Python, which a large clip's step hides; small
# clips, of which a step reads hundreds, are few gigabytes in all.
KEPT_BYTES = 8 * 2**30


class CachedClips:
    """The clips of a cache by number; reading is safe in any thread.

    The first `kept_bytes` of them that are read stay in memory.
    """

    def __init__(self, cache: LatentCache, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.ids: Sequence[str] = cache.ids
        self.sizes: Sequence[tuple[int, int]] = cache.sizes
        self._cache = cache
        self._context = lru_cache(maxsize=KEPT_PROMPTS)(self._read_context)
        self._kept: dict[int, Encoded] = {}
        self._room = kept_bytes

    def read(self, number: int) -> Encoded:
        """One clip in the precision it is stored in.

        It may be shared with others: do not write into it. Raises UnreadableError, naming the file,
        for one that is absent or damaged.
        """
        kept = self._kept.get(number)
        if kept is not None:
            return kept
        tensors = read_entry(self._cache.store.path("latents", self._cache.latents[number]))
        encoded = Encoded(context=self._context(self._cache.texts[number]), **tensors)
        size = sum(tensor.nbytes for tensor in tensors.values())
        if size <= self._room:
            self._room -= size
            self._kept[number] = encoded
        return encoded

    def _read_context(self, key: str) -> Tensor:
        return read_entry(self._cache.store.path("text", key))["context"]
