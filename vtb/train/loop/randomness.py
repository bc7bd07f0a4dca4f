"""Counter-based randomness: every draw is a function of (seed, purpose, counter).

So a result depends neither on how often a run was interrupted nor on what else drew numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def generator(seed: int, purpose: str, counter: int) -> torch.Generator:
    """A fresh CPU generator for one purpose at one count."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{counter}".encode(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


def normal(shape: Sequence[int], seed: int, purpose: str, counter: int) -> Tensor:
    """Standard normal float32 on the CPU, so equal on every device."""
    return torch.randn(shape, generator=generator(seed, purpose, counter))


def uniform(seed: int, purpose: str, counter: int) -> float:
    """A number in [0, 1)."""
    return torch.rand((), generator=generator(seed, purpose, counter)).item()


def below(stop: int, seed: int, purpose: str, counter: int) -> int:
    """An integer in [0, stop), uniformly."""
    return int(torch.randint(stop, (), generator=generator(seed, purpose, counter)))


def permutation(count: int, seed: int, purpose: str, counter: int) -> list[int]:
    """The integers in [0, count) in a random order."""
    return torch.randperm(count, generator=generator(seed, purpose, counter)).tolist()
