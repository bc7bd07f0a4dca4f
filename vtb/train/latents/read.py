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


class CachedClips:
    """The clips of a cache by number; reading is safe in any thread."""

    def __init__(self, cache: LatentCache) -> None:
        self.ids: Sequence[str] = cache.ids
        self.sizes: Sequence[tuple[int, int]] = cache.sizes
        self._cache = cache
        self._context = lru_cache(maxsize=KEPT_PROMPTS)(self._read_context)

    def read(self, number: int) -> Encoded:
        """One clip in the precision it is stored in.

        Its context may be shared with others: do not write into it. Raises UnreadableError, naming
        the file, for one that is absent or damaged.
        """
        tensors = read_entry(self._cache.store.path("latents", self._cache.latents[number]))
        return Encoded(context=self._context(self._cache.texts[number]), **tensors)

    def _read_context(self, key: str) -> Tensor:
        return read_entry(self._cache.store.path("text", key))["context"]
