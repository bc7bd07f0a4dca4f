"""The arithmetic of weights that are trained themselves."""

from __future__ import annotations

import torch
from torch import Tensor


def mixed_precision(weight: Tensor) -> torch.autocast:
    """bfloat16 arithmetic where a float32 weight is on a GPU; elsewhere that of the weight."""
    is_mixed = weight.is_cuda and weight.dtype == torch.float32
    return torch.autocast(weight.device.type, torch.bfloat16, enabled=is_mixed)
