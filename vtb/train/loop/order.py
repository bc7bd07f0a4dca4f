"""Which sample is consumed when, such that all samples of a step have one shape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from vtb.train.loop.batching import Shape, by_shape, epoch_length
from vtb.train.loop.randomness import permutation


class Order:
    """The samples of each epoch in an order of its own, which only the seed decides.

    With one shape an epoch is a permutation, and a batch may go on in the next. With several, the
    samples of each shape are permuted and the first of them repeated until their batches are
    whole; then the batches are shuffled. So what a step sees depends neither on the number of
    devices nor on the size of the micro-batch.
    """

    def __init__(self, shapes: Sequence[Shape], batch: int, seed: int) -> None:
        self._groups, self._batch, self._seed = by_shape(shapes), batch, seed
        self._shapes = shapes
        self.num_samples = epoch_length(map(len, self._groups), batch)
        # Batches of two epochs may be made at the same time.
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)

    def number(self, counter: int) -> int:
        """Which sample is the one consumed at `counter`."""
        epoch, position = divmod(counter, self.num_samples)
        return self._epoch(epoch)[position]

    def shape(self, counter: int) -> Shape:
        """The shape of that sample."""
        return self._shapes[self.number(counter)]

    def _make_epoch(self, epoch: int) -> Sequence[int]:
        if len(self._groups) == 1:
            return permutation(self.num_samples, self._seed, "order", epoch)
        batches = [
            batch
            for index, group in enumerate(self._groups)
            for batch in self._batches(group, f"order {index}", epoch)
        ]
        shuffled = permutation(len(batches), self._seed, "batches", epoch)
        return [*chain.from_iterable(batches[index] for index in shuffled)]

    def _batches(self, group: Sequence[int], purpose: str, epoch: int) -> list[list[int]]:
        order = permutation(len(group), self._seed, purpose, epoch)
        return [
            [group[order[at % len(group)]] for at in range(start, start + self._batch)]
            for start in range(0, len(group), self._batch)
        ]
