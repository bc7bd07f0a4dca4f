"""Counter-based randomness: every draw is a function of (seed, purpose, counter).

So a result depends neither on how often a run was interrupted nor on what else drew numbers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor

# SplitMix64 (Steele, Lea and Flood 2014): the golden ratio, and the multipliers of its finalizer.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
MULTIPLIERS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def key_of(seed: int, purpose: str, counter: int) -> int:
    """A hash, below 2^56."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{counter}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def generator(seed: int, purpose: str, counter: int) -> torch.Generator:
    """A fresh CPU generator for one purpose at one count."""
    return torch.Generator().manual_seed(key_of(seed, purpose, counter))


def normal(keys: Tensor, shape: Sequence[int]) -> Tensor:
    """Standard normal float32 (B, *shape) for int64 `keys` (B,), on their device.

    Each sample is a function of its key, the same on every device but for the rounding of its
    logarithm, root and cosine. The bits are those of SplitMix64 from each key on, the normals those
    of Box and Muller: the cosines first, then the sines. Computed by the device itself: many small
    samples of a step cost a CPU more time than the step costs the GPU.
    """
    count = math.prod(shape)
    places = torch.arange(1, (count + 1) // 2 + 1, device=keys.device)
    bits = _mixed(keys[:, None] + GOLDEN * places)
    radius = torch.sqrt(-2 * torch.log((_shifted(bits, 40) + 0.5) * 2.0**-24))
    angle = (_shifted(bits, 8) & (2**24 - 1)) * (2 * math.pi * 2.0**-24)
    values = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
    return values[:, :count].reshape(len(keys), *shape)


def uniform(seed: int, purpose: str, counter: int) -> float:
    """A number in [0, 1)."""
    return torch.rand((), generator=generator(seed, purpose, counter)).item()


def below(stop: int, seed: int, purpose: str, counter: int) -> int:
    """An integer in [0, stop), uniformly."""
    return int(torch.randint(stop, (), generator=generator(seed, purpose, counter)))


def permutation(count: int, seed: int, purpose: str, counter: int) -> list[int]:
    """The integers in [0, count) in a random order."""
    return torch.randperm(count, generator=generator(seed, purpose, counter)).tolist()


def _mixed(bits: Tensor) -> Tensor:
    bits = (bits ^ _shifted(bits, 30)) * MULTIPLIERS[0]
    bits = (bits ^ _shifted(bits, 27)) * MULTIPLIERS[1]
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, count: int) -> Tensor:
    """To the right, zeros coming in; torch's own shift brings copies of the sign."""
    return (bits >> count) & ((1 << (64 - count)) - 1)
