"""Which engine trains, by the recipe's strategy."""

from __future__ import annotations

from accelerate import Accelerator
from torch import nn

from vtb.recipe.schema import TrainTable
from vtb.train.loop.engine import Engine


def make_engine(
    module: nn.Module, train: TrainTable, accelerator: Accelerator, strategy: str
) -> Engine:
    """The engine of a strategy: `ddp`, or DeepSpeed's `zero2` or `zero3`."""
    if strategy == "ddp":
        return Engine(module, train, accelerator)
    from vtb.train.loop.zero import ZeroEngine  # deepspeed takes seconds to import

    return ZeroEngine(module, train, accelerator, stage=int(strategy.removeprefix("zero")))
