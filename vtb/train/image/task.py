"""A Qwen-Image transformer to train on the encoded pictures of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vtb.recipe.image import ImageRecipe
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.flow.wan_task import GROUP_NAMES
from vtb.train.image.batch import Draw, NoisyPictures, collate
from vtb.train.image.encoded import EncodedPicture
from vtb.train.image.objective import QwenImageObjective
from vtb.train.loop.order import Order
from vtb.train.loop.randomness import below, key_of
from vtb.train.weights import Weights


class EncodedPictures(Protocol):
    """The training samples by number; reading is safe in any thread."""

    @property
    def ids(self) -> Sequence[str]:
        """Their sample ids."""
        ...

    @property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """The sides of their pictures in px."""
        ...

    def read(self, number: int) -> EncodedPicture:
        """One of them."""
        ...


class QwenImageTask:
    """Flow matching on a data set of pictures; what is trained is up to `weights`."""

    group_names: Sequence[str] = GROUP_NAMES

    def __init__(
        self,
        objective: QwenImageObjective,
        weights: Weights,
        recipe: ImageRecipe,
        pictures: EncodedPictures,
        schedule: NoiseSchedule,
    ) -> None:
        self.module = objective
        self._order = Order(pictures.shapes, recipe.train.batch, recipe.train.seed)
        self.num_samples, self.shape = self._order.num_samples, self._order.shape
        self.write_weights, self.read_weights = weights.write, weights.read
        self._seed, self._pictures, self._schedule = recipe.train.seed, pictures, schedule

    def batch(self, counters: range) -> NoisyPictures:
        """The samples consumed at `counters`, on the CPU."""
        samples = [
            (
                self._pictures.read(self._order.number(counter)),
                Draw(key_of(self._seed, "noise", counter), self._index(counter)),
            )
            for counter in counters
        ]
        return collate(samples, self._schedule)

    def describe(self, counter: int) -> str:
        """The sample's id and timestep."""
        timestep = self._schedule.timesteps[self._index(counter)].item()
        return f"{self._pictures.ids[self._order.number(counter)]} at timestep {timestep:g}"

    def relieve(self) -> bool:
        """Recomputes more blocks in the backward pass, while there are any left."""
        return self.module.recompute_more()

    def _index(self, counter: int) -> int:
        first, stop = self._schedule.first, self._schedule.stop
        return first + below(stop - first, self._seed, "timestep", counter)
