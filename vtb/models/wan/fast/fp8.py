"""Frozen linear layers with e4m3 weights, multiplied by the fp8 tensor cores.

Shapes: M tokens, K input and N output features. A matrix in fp8 stands beside float32 scales, one
for each index that a product does not sum over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from vtb.core.errors import MissingEnvironmentError
from vtb.models.lora.layers import LoRALinear

FP8 = torch.float8_e4m3fn
FP8_MAX = torch.finfo(FP8).max
SMALLEST_AMAX = 1e-12  # keeps a row of zeros from dividing by zero
MIN_CAPABILITY = (8, 9)
ATTENTION = ("q", "k", "v", "o")
LINEARS = (
    *(f"self_attn.{name}" for name in ATTENTION),
    *(f"cross_attn.{name}" for name in ATTENTION),
    "ffn.0",
    "ffn.2",
)


def quantize_base(dit: Any) -> None:
    """Replaces the frozen weights of the inner blocks' linear layers by fp8, in place.

    The first and the last block, LoRA weights, norms, embeddings and head stay as they are. Do it
    after the LoRA is injected and the model is on its device, and do not cast the model later.
    Raises MissingEnvironmentError on a device without fp8 arithmetic.
    """
    require_fp8(dit.patch_embedding.weight.device)
    for block in dit.blocks[1:-1]:
        for name in LINEARS:
            layer = block.get_submodule(name)
            if isinstance(layer, LoRALinear):
                layer.base = Fp8Linear(layer.base)
            else:
                block.set_submodule(name, Fp8Linear(layer))


def require_fp8(device: torch.device) -> None:
    """Raises MissingEnvironmentError unless the device multiplies fp8 matrices."""
    hint = 'set base_precision = "bf16"'
    if device.type != "cuda":
        raise MissingEnvironmentError("fp8 weights need a GPU", fact=f"{device.type}", hint=hint)
    found = torch.cuda.get_device_capability(device)
    if found < MIN_CAPABILITY:
        raise MissingEnvironmentError(
            "fp8 weights need a GPU of compute capability 8.9 or newer (Ada, Hopper)",
            fact=f"{torch.cuda.get_device_name(device)} has {found[0]}.{found[1]}",
            hint=hint,
        )


class Fp8Linear(nn.Module):
    """A frozen linear layer with one scale per output feature; inputs are scaled per token.

    `weight` (N, K) is fp8, `scale` (1, N) float32. They are parameters without gradient, so that
    they count as weights, and no distributed wrapper sends them around as it does buffers.
    """

    def __init__(self, linear: Any) -> None:
        super().__init__()
        weight, scale = quantize_rows(linear.weight.detach())
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.scale = nn.Parameter(scale.t().contiguous(), requires_grad=False)
        self.bias: nn.Parameter = linear.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) to (..., N) in the input's dtype."""
        product: Any = _ScaledLinear.apply(x.flatten(0, -2), self.weight, self.scale)
        return product.unflatten(0, x.shape[:-1]) + self.bias


class _ScaledLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(weight, scale)
        return scaled_matmul(x, weight.t(), scale, x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        # dX = dY W sums over output features, so their scales go into dY before it is quantised,
        # and the weights are those of the forward pass exactly. fp8 tensor cores read the second
        # matrix by columns: its transpose is made here, for 1 % of the time, and not kept.
        weight, scale = ctx.saved_tensors
        by_columns = weight.t().contiguous().t()
        ones = torch.ones(1, weight.shape[1], dtype=torch.float32, device=weight.device)
        return scaled_matmul(grads[0].float() * scale, by_columns, ones, grads[0].dtype), None, None


def scaled_matmul(x: Tensor, matrix: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """`x (scale matrix)` in a dtype, x quantised by rows.

    x (M, K), `matrix` (K, N) in fp8 and column-major, `scale` (1, N). Exact sums of the quantised
    values but for the tensor cores' fast accumulation.
    """
    rows, row_scale = quantize_rows(x)
    return torch._scaled_mm(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        rows, matrix, row_scale, scale, out_dtype=dtype, use_fast_accum=True
    )


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """The fp8 values of x (M, K) and their scales (M, 1); a row's largest becomes fp8's largest."""
    scale = x.abs().amax(dim=-1, keepdim=True).float().clamp(min=SMALLEST_AMAX) / FP8_MAX
    return (x / scale).to(FP8), scale
