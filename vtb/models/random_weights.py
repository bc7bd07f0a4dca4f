"""Random weights that depend on nothing but a key and the tensors' names."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from vtb.models.structure import Shapes

# From a tensor's name and shape, and standard normal noise of that shape, to its value.
Rule: TypeAlias = Callable[[str, tuple[int, ...], Tensor], Tensor]


def random_weights(shapes: Shapes, rule: Rule, key: str) -> dict[str, Tensor]:
    """What the rule makes of float32 noise, which is a function of the key and each name."""
    return {
        name: rule(name, shape, _noise(shape, f"{key}/{name}")) for name, shape in shapes.items()
    }


def nonzero_weight(name: str, shape: tuple[int, ...], noise: Tensor) -> Tensor:
    """A weight of any model, such that no part of it can be left out unnoticed.

    Activations keep their scale; norms are near one, biases near zero, and nothing is either.
    """
    if name.endswith("gamma") or (name.endswith("weight") and len(shape) == 1):
        return 1 + 0.1 * noise
    if len(shape) == 1:
        return 0.02 * noise
    return noise / math.sqrt(math.prod(shape[1:]))


def _noise(shape: tuple[int, ...], key: str) -> Tensor:
    digest = hashlib.blake2b(key.encode(), digest_size=7).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
    return torch.randn(shape, generator=generator)
