"""How much memory and time a step of a Wan transformer takes; imports no torch.

Constants are fitted to H200 measurements of TI2V-5B with a LoRA of rank 32 (docs/PERFORMANCE.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vtb.models.wan.variants import TEXT_TOKENS

GIB = 1 << 30
# bf16 tensors that the backward pass of one block needs, by forward: (L, d) and (L, f).
KEPT_PER_BLOCK = {"compiled": (10, 3.0), "eager": (14, 4.3)}
OVERHEAD_GIB = 0.5
# Allocator slack and what the formula does not know of.
MARGIN = 1.08
# Measured bf16 matrix multiplication of one H200, and the share of it that a step reaches; an
# H100 has the same compute units.
PEAK_FLOPS = {"H200": 790e12, "H100": 790e12}
EFFICIENCY = {"compiled": 0.62, "eager": 0.48}
LORA_OVERHEAD = 1.02


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """Sizes of a Wan transformer: `tokens` L, `layers` n, `dim` d, `ffn_dim` f."""

    tokens: int
    layers: int
    dim: int
    ffn_dim: int


@dataclass(frozen=True, slots=True)
class Workload:
    """One micro-batch of LoRA training; `base_bytes` is 2 for bf16 weights and 1 for fp8."""

    shape: TransformerShape
    base_parameters: int
    lora_parameters: int
    micro_batch: int = 1
    base_bytes: int = 2
    is_compiled: bool = True

    @property
    def mode(self) -> str:
        """Which constants hold."""
        return "compiled" if self.is_compiled else "eager"


def memory_gib(work: Workload, num_recomputed: int) -> float:
    """Peak GiB on the device with so many blocks recomputed in the backward pass.

    Base weights, 16 bytes per LoRA parameter (float32 weight, gradient and two moments), and the
    kept activations: those of every block, or one tensor of each recomputed block and those of
    one block at a time.
    """
    shape = work.shape
    weights = work.base_bytes * work.base_parameters + 16 * work.lora_parameters
    wide, inner = KEPT_PER_BLOCK[work.mode]
    per_block = wide * shape.dim + inner * shape.ffn_dim
    num_whole = shape.layers - num_recomputed + bool(num_recomputed)
    kept = per_block * num_whole + shape.dim * num_recomputed
    activations = kept * work.micro_batch * shape.tokens * 2
    return (weights + activations) / GIB + OVERHEAD_GIB


def num_recomputed(setting: str | float, work: Workload, free_gib: float) -> int:
    """Blocks to recompute: a share of them, all, none, or as few as fit (`auto`)."""
    layers = work.shape.layers
    if setting == "auto":
        fitting = (n for n in range(layers) if memory_gib(work, n) * MARGIN <= free_gib)
        return next(fitting, layers)
    share = {"none": 0.0, "full": 1.0}[setting] if isinstance(setting, str) else setting
    return math.ceil(share * layers)


def step_flops(work: Workload, num_recomputed: int) -> float:
    """Floating-point operations of forward and backward for one sample.

    The base is frozen, so linear layers cost once more in the backward pass, attention 2.5 times;
    recomputation adds their share of one forward.
    """
    shape = work.shape
    length, dim = shape.tokens, shape.dim
    linear = shape.layers * (
        2 * length * (6 * dim**2 + 2 * dim * shape.ffn_dim) + 4 * TEXT_TOKENS * dim**2
    )
    attention = shape.layers * 4 * dim * length * (length + TEXT_TOKENS)
    forward = (linear + attention) * (1 + num_recomputed / shape.layers)
    return LORA_OVERHEAD * (forward + linear + 2.5 * attention)


def seconds_per_sample(work: Workload, num_recomputed: int, gpu_name: str) -> float | None:
    """Seconds on a GPU whose speed is known, else None."""
    peak = next((value for name, value in PEAK_FLOPS.items() if name in gpu_name), None)
    return step_flops(work, num_recomputed) / (EFFICIENCY[work.mode] * peak) if peak else None
