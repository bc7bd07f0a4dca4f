"""A Wan transformer to train on the encoded clips of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vtb.recipe.schema import VideoRecipe
from vtb.train.flow.batch import SIGMA_BINS, Draw, NoisyBatch, collate
from vtb.train.flow.objective import WanObjective
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encoded import Encoded
from vtb.train.loop.order import Order
from vtb.train.loop.randomness import below, key_of, uniform
from vtb.train.weights import Weights

# Quarters of the noise range, from clean to pure noise.
GROUP_NAMES = tuple(
    f"sigma {quarter / SIGMA_BINS:.2f}-{(quarter + 1) / SIGMA_BINS:.2f}"
    for quarter in range(SIGMA_BINS)
)


class EncodedClips(Protocol):
    """The training clips by number; reading is safe in any thread."""

    @property
    def ids(self) -> Sequence[str]:
        """Their sample ids."""
        ...

    @property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """Their (height, width) in px; latents of equal size have one shape."""
        ...

    def read(self, number: int) -> Encoded:
        """One of them."""
        ...


class WanTask:
    """Flow matching on a data set; what is trained is up to `weights`."""

    group_names: Sequence[str] = GROUP_NAMES

    def __init__(
        self,
        objective: WanObjective,
        weights: Weights,
        recipe: VideoRecipe,
        clips: EncodedClips,
        schedule: NoiseSchedule,
    ) -> None:
        self.module = objective
        self._order = Order(clips.sizes, recipe.train.batch, recipe.train.seed)
        self.num_samples, self.shape = self._order.num_samples, self._order.shape
        self.write_weights, self.read_weights = weights.write, weights.read
        self._train, self._clips, self._schedule = recipe.train, clips, schedule

    def batch(self, counters: range) -> NoisyBatch:
        """The samples consumed at `counters`, on the CPU."""
        samples = [self._sample(counter) for counter in counters]
        return collate(samples, self._schedule)

    def describe(self, counter: int) -> str:
        """The sample's id and timestep."""
        timestep = self._schedule.timesteps[self._index(counter)].item()
        return f"{self._clips.ids[self._order.number(counter)]} at timestep {timestep:g}"

    def relieve(self) -> bool:
        """Recomputes more blocks in the backward pass, while there are any left."""
        return self.module.recompute_more()

    def _sample(self, counter: int) -> tuple[Encoded, Draw]:
        encoded = self._clips.read(self._order.number(counter))
        seed = self._train.seed
        is_given = encoded.first_frame_latents is not None
        return encoded, Draw(
            key_of(seed, "noise", counter),
            self._index(counter),
            is_given and uniform(seed, "i2v", counter) < self._train.i2v_prob,
        )

    def _index(self, counter: int) -> int:
        first, stop = self._schedule.first, self._schedule.stop
        return first + below(stop - first, self._train.seed, "timestep", counter)
