"""Self-attention over the tokens of a clip and cross-attention to its prompt.

Shapes: B batch, L tokens, N heads, D head width.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import rms_norm, scaled_dot_product_attention

from vtb.models.wan.fast.rope import RotaryTable, rotate

# Fastest first on Hopper; the last works everywhere.
CUDA_BACKENDS = [
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
]

CUDA_BACKENDS_WITH_BIAS = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def self_attention(module: Any, x: Tensor, table: RotaryTable) -> Tensor:
    """Every token (B, L, N D) attends to every token of its sample, by diffsynth's weights."""
    heads = (module.num_heads, -1)
    q = rotate(_normed(module.norm_q, module.q(x)).unflatten(-1, heads), table)
    k = rotate(_normed(module.norm_k, module.k(x)).unflatten(-1, heads), table)
    return module.o(attend(q, k, module.v(x).unflatten(-1, heads)).flatten(-2))


def cross_attention(module: Any, x: Tensor, context: Tensor, bias: Tensor | None) -> Tensor:
    """Tokens (B, L, N D) attend to the embedded prompt (B, S, N D), padding included.

    `bias` (S,) is added to all scores of a text token; see `padding_bias`.
    """
    heads = (module.num_heads, -1)
    q = _normed(module.norm_q, module.q(x)).unflatten(-1, heads)
    k = _normed(module.norm_k, module.k(context)).unflatten(-1, heads)
    return module.o(attend(q, k, module.v(context).unflatten(-1, heads), bias).flatten(-2))


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention of (B, L, N, D) tensors.

    `bias` (keys,), or (B, keys) where samples differ, is added to the scores.
    """
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    mask = None
    if bias is not None:
        mask = (bias if bias.ndim == 1 else bias[:, None, None]).expand(len(q), 1, q.shape[2], -1)
    if not q.is_cuda:
        return scaled_dot_product_attention(q, k, v, mask).transpose(1, 2)
    # Chosen here and not around the whole forward, so that recomputation chooses the same.
    with sdpa_kernel(CUDA_BACKENDS if mask is None else CUDA_BACKENDS_WITH_BIAS, set_priority=True):
        return scaled_dot_product_attention(q, k, v, mask).transpose(1, 2)


def _normed(norm: Any, x: Tensor) -> Tensor:
    # Under autocast the weight is float32, and only equal dtypes have a fused kernel.
    return rms_norm(x, (x.shape[-1],), norm.weight.to(x.dtype), norm.eps)
