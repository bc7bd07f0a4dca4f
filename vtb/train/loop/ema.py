"""An exponential moving average of the trained weights."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Averages of parameters beside them, updated once per step; with decay 0 there are none.

    The decay rises as (1 + step) / (10 + step) until it reaches its value, so that a short run is
    not dominated by where it began.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self.tensors = [p.detach().clone() for p in parameters] if decay else []

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the averages towards the weights after `step` steps."""
        if self.tensors:
            decay = min(self._decay, (1 + step) / (10 + step))
            get_ema_multi_avg_fn(decay)(self.tensors, list(self._parameters), step)

    @contextmanager
    def in_place(self) -> Generator[None]:
        """The parameters hold their averages inside the block, as for a measurement."""
        with torch.no_grad():
            self._swap()
            try:
                yield
            finally:
                self._swap()

    def _swap(self) -> None:
        for parameter, average in zip(self._parameters, self.tensors, strict=False):
            kept = parameter.detach().clone()
            parameter.data.copy_(average)
            average.copy_(kept)
