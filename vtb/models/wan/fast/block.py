"""One transformer block, and its compiled form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch._dynamo.config
import torch._functorch.config
from torch import Tensor

from vtb.models.wan.fast.attention import cross_attention, self_attention
from vtb.models.wan.fast.modulation import gate, modulate
from vtb.models.wan.fast.rope import RotaryTable

# (module, x, context, bias, modulation, cos, sin) to x
Block = Callable[[Any, Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor], Tensor]
# Graphs of one process: shapes of clips, with and without gradients, bf16 and fp8 blocks.
MAX_GRAPHS = 64


def block(
    module: Any,
    x: Tensor,
    context: Tensor,
    bias: Tensor | None,
    modulation: Tensor,
    cos: Tensor,
    sin: Tensor,
) -> Tensor:
    """Attention to the clip, attention to the prompt, feed-forward; each added to x (B, L, D).

    `module` is diffsynth's `DiTBlock`, whose weights are used; `context` (B, S, D) with the `bias`
    (S,) of its padding; `modulation` (B, F, 6, D) from the timestep; `cos` and `sin` as in
    `RotaryTable`.
    """
    table = RotaryTable(cos, sin)
    per_frame = module.modulation.to(modulation.dtype) + modulation
    shift, scale, factor, ffn_shift, ffn_scale, ffn_factor = per_frame.unbind(2)
    attended = self_attention(module.self_attn, modulate(module.norm1(x), shift, scale), table)
    x = x + gate(attended, factor)
    x = x + cross_attention(module.cross_attn, module.norm3(x), context, bias)
    fed = module.ffn(modulate(module.norm2(x), ffn_shift, ffn_scale))
    return x + gate(fed, ffn_factor)


def compiled_block() -> Block:
    """`block`, compiled at its first call and then once for each new shape.

    The module is an argument, so its weights are inputs of the graph and all blocks share it.
    """
    dynamo, functorch = cast(Any, torch._dynamo.config), cast(Any, torch._functorch.config)
    dynamo.recompile_limit = max(dynamo.recompile_limit, MAX_GRAPHS)
    # Else the backward pass is compiled when it first runs, where failing is past help.
    functorch.force_non_lazy_backward_lowering = True
    compiled: Block = torch.compile(block, dynamic=False, fullgraph=True)
    return compiled
