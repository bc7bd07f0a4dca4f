"""Encoded pictures, read back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vtb.train.image.cache import PictureCache
from vtb.train.image.encoded import EncodedPicture
from vtb.train.latents.entry import read_entry
from vtb.train.latents.store import Kind

KEPT_BYTES = 8 * 2**30


class CachedPictures:
    """The samples of a cache by number; reading is safe in any thread.

    The first `kept_bytes` of them that are read stay in memory.
    """

    def __init__(self, cache: PictureCache, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.ids: Sequence[str] = cache.ids
        self.shapes: Sequence[tuple[int, ...]] = cache.shapes
        self._cache = cache
        self._kept: dict[tuple[Kind, str], Tensor] = {}
        self._room = kept_bytes

    def read(self, number: int) -> EncodedPicture:
        """One sample in the precision it is stored in.

        It may be shared with others: do not write into it. Raises UnreadableError, naming the file,
        for one that is absent or damaged.
        """
        cache = self._cache
        return EncodedPicture(
            latents=self._tensor("latents", cache.made[number]),
            prompt=self._tensor("text", cache.texts[number]),
            references=tuple(self._tensor("latents", key) for key in cache.references[number]),
        )

    def _tensor(self, kind: Kind, key: str) -> Tensor:
        kept = self._kept.get((kind, key))
        if kept is not None:
            return kept
        tensor = read_entry(self._cache.store.path(kind, key))[kind]
        if tensor.nbytes <= self._room:
            self._room -= tensor.nbytes
            self._kept[kind, key] = tensor
        return tensor
