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
# Per trained parameter, float32: the weight, its gradient and AdamW's two moments.
TRAINED_BYTES = 16
# What an average of the weights adds to them, float32.
AVERAGE_BYTES = 4
# What float32 weights compute with: bf16 copies, kept for the backward pass as activations are.
COPY_BYTES = 2
# Measured bf16 matrix multiplication of one H200, and the share of it that a step reaches; an
# H100 has the same compute units.
PEAK_FLOPS = {"H200": 790e12, "H100": 790e12}
EFFICIENCY = {"compiled": 0.62, "eager": 0.48}
LORA_OVERHEAD = 1.02
# Time of an fp8 linear layer, quantisation included, over that of a bf16 one: a step of TI2V-5B
# at 480x832x81 took 0.406 s instead of 0.479.
FP8_LINEAR_TIME = 0.75


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """Sizes of a Wan transformer: `tokens` L, `layers` n, `dim` d, `ffn_dim` f."""

    tokens: int
    layers: int
    dim: int
    ffn_dim: int


@dataclass(frozen=True, slots=True)
class Workload:
    """One micro-batch of training: of a LoRA on frozen weights, or, if `is_full`, of all weights.

    `frozen_bytes` per frozen weight are 2 in bf16 and 1 in fp8; `is_averaged` where an average of
    the trained weights is kept.
    """

    shape: TransformerShape
    frozen_parameters: int
    trained_parameters: int
    micro_batch: int = 1
    frozen_bytes: int = 2
    is_compiled: bool = True
    is_full: bool = False
    is_averaged: bool = False

    @property
    def mode(self) -> str:
        """Which constants hold."""
        return "compiled" if self.is_compiled else "eager"


def memory_gib(work: Workload, num_recomputed: int) -> float:
    """Peak GiB on the device with so many blocks recomputed in the backward pass.

    Frozen weights, what training keeps for each trained one, and the kept activations: those of
    every block, or one tensor of each recomputed block and those of one block at a time. Gradients
    count as there from the first block on, as they are after the first of several rounds.
    """
    shape = work.shape
    wide, inner = KEPT_PER_BLOCK[work.mode]
    per_block = wide * shape.dim + inner * shape.ffn_dim
    num_whole = shape.layers - num_recomputed + bool(num_recomputed)
    trained_bytes = TRAINED_BYTES + AVERAGE_BYTES * work.is_averaged
    if work.is_full:
        trained_bytes += COPY_BYTES * num_whole / shape.layers
    weights = work.frozen_bytes * work.frozen_parameters + trained_bytes * work.trained_parameters
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
    """Floating-point operations of forward and backward for one sample."""
    return sum(_operations(work, num_recomputed))


def seconds_per_sample(work: Workload, num_recomputed: int, gpu_name: str) -> float | None:
    """Seconds on a GPU whose speed is known, else None."""
    peak = next((value for name, value in PEAK_FLOPS.items() if name in gpu_name), None)
    if peak is None:
        return None
    linear, attention = _operations(work, num_recomputed)
    if work.frozen_bytes == 1:
        linear *= FP8_LINEAR_TIME
    return (linear + attention) / (EFFICIENCY[work.mode] * peak)


def _operations(work: Workload, num_recomputed: int) -> tuple[float, float]:
    """Those of linear layers and of attention.

    Backward, attention costs 2.5 times its forward. A linear layer costs as much again for the
    gradient of its input, and once more for that of its weight if it is trained. Recomputation
    adds a share of one forward.
    """
    shape = work.shape
    length, dim = shape.tokens, shape.dim
    linear = shape.layers * (
        2 * length * (6 * dim**2 + 2 * dim * shape.ffn_dim) + 4 * TEXT_TOKENS * dim**2
    )
    attention = shape.layers * 4 * dim * length * (length + TEXT_TOKENS)
    forward = 1 + num_recomputed / shape.layers
    overhead, backward = (1.0, 2) if work.is_full else (LORA_OVERHEAD, 1)
    return overhead * (forward + backward) * linear, overhead * (forward + 2.5) * attention
