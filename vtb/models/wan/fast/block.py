"""One transformer block, and its compiled form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from vtb.models.compiling import compiled
from vtb.models.wan.fast.attention import cross_attention, self_attention
from vtb.models.wan.fast.modulation import gate, modulate
from vtb.models.wan.fast.rope import RotaryTable

# (module, x, context, bias, modulation, cos, sin) to x
Block = Callable[[Any, Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor], Tensor]


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
    """`block`, compiled at its first call and then once for each new shape."""
    return compiled(block)
