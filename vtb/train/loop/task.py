"""What a model family, or a target, gives to the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

from torch import Tensor, nn

from vtb.train.loop.batching import Shape
from vtb.train.loop.checkpoint import HasWeights


class Batch(Protocol):
    """Samples of equal shape; `groups` (B,) int64 says where each one's loss is counted."""

    @property
    def groups(self) -> Tensor:
        """Index into the task's `group_names`."""
        ...

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed, to pin or move it."""
        ...


class Task(HasWeights, Protocol):
    """A model, what it is trained on, and its weights on disk.

    `module` maps a batch to its losses, float32 (B,); its parameters that require gradients are
    trained. The sample of a counter is the same whenever it is asked for.
    """

    @property
    def module(self) -> nn.Module:
        """The objective."""
        ...

    @property
    def num_samples(self) -> int:
        """Samples per epoch."""
        ...

    def shape(self, counter: int) -> Shape:
        """What the samples of a step, this one among them, have in common."""
        ...

    @property
    def group_names(self) -> Sequence[str]:
        """Parts of the loss that are logged by themselves."""
        ...

    def batch(self, counters: range) -> Batch:
        """The samples consumed at `counters`, on the CPU, with all their randomness drawn."""
        ...

    def describe(self, counter: int) -> str:
        """That sample's id and draw, for the log."""
        ...

    def relieve(self) -> bool:
        """Makes the next step take less memory; False when it cannot."""
        ...
