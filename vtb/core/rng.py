"""One random stream per (generator, version, config, seed, index, attempt)."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """A deterministic stream of random numbers.

    Only `random.Random.random` is used underneath, whose sequence Python guarantees; every
    method derives from it here, so no interpreter upgrade changes a dataset. `attempt` counts the
    draws at one plan index from 0.
    """

    __slots__ = ("_deal", "attempt", "random")

    def __init__(
        self, key: bytes, deal: Callable[[int], int] | None = None, attempt: int = 0
    ) -> None:
        self.random = random.Random(int.from_bytes(key, "big")).random
        self.attempt = attempt
        self._deal = deal

    def below(self, stop: int) -> int:
        """Uniform integer in [0, stop)."""
        return int(self.random() * stop)

    def uniform(self, low: float, high: float) -> float:
        """Uniform float in [low, high)."""
        return low + (high - low) * self.random()

    def dealt(self, stop: int) -> int:
        """Uniform integer in [0, stop), stratified over the plan.

        Every block of `stop` consecutive plan indices gets each value once, and all attempts at
        an index the same value. A stream without plan index draws as `below` does.
        """
        return self.below(stop) if self._deal is None else self._deal(stop)

    def choice(self, items: Sequence[T]) -> T:
        """One item, uniformly; `items` must not be empty."""
        return items[int(self.random() * len(items))]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Fisher-Yates shuffle in place."""
        for i in range(len(items) - 1, 0, -1):
            j = int(self.random() * (i + 1))
            items[i], items[j] = items[j], items[i]


class Streams:
    """Random streams of one (generator, version, config, seed); hashing is shared over indices."""

    def __init__(
        self, generator: str, version: int, config: Mapping[str, object], seed: int
    ) -> None:
        head = json.dumps([generator, version, config, seed], sort_keys=True, default=str)
        self._head = hashlib.blake2b(head.encode(), digest_size=16)

    def rng(self, index: int, attempt: int = 0) -> Rng:
        """The stream of one attempt at one plan index."""
        key = self._key(b"%d/%d" % (index, attempt))
        return Rng(key, lambda stop: self._dealt(index, stop), attempt)

    def _dealt(self, index: int, stop: int) -> int:
        block, place = divmod(index, stop)
        deck = list(range(stop))
        Rng(self._key(b"deck/%d/%d" % (stop, block))).shuffle(deck)
        return deck[place]

    def _key(self, name: bytes) -> bytes:
        digest = self._head.copy()
        digest.update(name)
        return digest.digest()


def stream(*key: object) -> Rng:
    """A stream named by any JSON-able key, for draws outside of `Generator.sample`."""
    text = json.dumps(key, sort_keys=True, default=str)
    return Rng(hashlib.blake2b(text.encode(), digest_size=16).digest())
