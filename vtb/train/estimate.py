"""How much memory and time a step of a Wan transformer takes."""

from __future__ import annotations

from dataclasses import dataclass

from vtb.models.wan.variants import TEXT_TOKENS

GIB = 1 << 30
# bf16 tensors of shape (L, d) that the backward pass of one block needs; fitted, with the other
# constants here, to H200 measurements of diffsynth's forward in eager mode (within 9 %).
KEPT_PER_BLOCK = 34
# Text encoder and VAE stay on the device, because clips are encoded during training.
ENCODERS_GIB = 11.4 + 1.4
OVERHEAD_GIB = 0.5
# Measured bf16 matrix multiplication of one H200, and the share of it that this forward reaches
# at 480x832x81; an H100 has the same compute units.
PEAK_FLOPS = {"H200": 790e12, "H100": 790e12}
EFFICIENCY = 0.48
LORA_OVERHEAD = 1.02


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """Sizes of a Wan transformer: `tokens` L, `layers` n, `dim` d, `ffn_dim` f."""

    tokens: int
    layers: int
    dim: int
    ffn_dim: int


def memory_gib(
    shape: TransformerShape, *, base_parameters: int, lora_parameters: int, recomputes: bool
) -> float:
    """Peak GiB on the device at one sample per step.

    bf16 base weights, 16 bytes per LoRA parameter (float32 weight, gradient and two moments), and
    the kept activations: those of every block, or one tensor per block and those of one block.
    """
    weights = (2 * base_parameters + 16 * lora_parameters) / GIB + OVERHEAD_GIB
    tensors = shape.layers + KEPT_PER_BLOCK if recomputes else KEPT_PER_BLOCK * shape.layers
    return weights + ENCODERS_GIB + tensors * shape.tokens * shape.dim * 2 / GIB


def step_flops(shape: TransformerShape, *, recomputes: bool) -> float:
    """Floating-point operations of forward and backward for one sample.

    The base is frozen, so linear layers cost once more in the backward pass, attention 2.5 times;
    recomputation adds one forward.
    """
    length, dim = shape.tokens, shape.dim
    linear = shape.layers * (
        2 * length * (6 * dim**2 + 2 * dim * shape.ffn_dim) + 4 * TEXT_TOKENS * dim**2
    )
    attention = shape.layers * 4 * dim * length * (length + TEXT_TOKENS)
    once = linear + attention
    return LORA_OVERHEAD * (once * (1 + recomputes) + linear + 2.5 * attention)


def seconds_per_sample(flops: float, gpu_name: str) -> float | None:
    """Seconds on a GPU whose speed is known, else None."""
    peak = next((value for name, value in PEAK_FLOPS.items() if name in gpu_name), None)
    return flops / (EFFICIENCY * peak) if peak else None
