"""Compiled transformer blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import torch
import torch._dynamo.config
import torch._functorch.config

# Graphs of one process: shapes of samples, with and without gradients, bf16 and fp8 blocks.
MAX_GRAPHS = 64

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(block: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function compiled at its first call and then once for each new shape.

    Its module must be an argument: then its weights are inputs of the graph, and all blocks share
    it.
    """
    dynamo, functorch = cast(Any, torch._dynamo.config), cast(Any, torch._functorch.config)
    dynamo.recompile_limit = max(dynamo.recompile_limit, MAX_GRAPHS)
    # Else the backward pass is compiled when it first runs, where failing is past help.
    functorch.force_non_lazy_backward_lowering = True
    made: Callable[Arguments, Result] = torch.compile(block, dynamic=False, fullgraph=True)
    return made
