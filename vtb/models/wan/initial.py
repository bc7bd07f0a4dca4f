"""The random weights of a new checkpoint: a start for training.

Each rule maps a tensor's name and shape, and standard normal noise of that shape, to its value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

EMBEDDING_STD = 0.02
# Posterior of an untrained VAE: log-variance near -4, so that its noise does not drown the first
# latents; and residual branches a tenth as strong as their shortcuts.
LOG_VARIANCE = -4.0
BRANCH_GAIN = 0.1


def transformer_weight(name: str, shape: tuple[int, ...], noise: Tensor) -> Tensor:
    """A weight of a `WanModel` to train from nothing.

    As in Wan's own training code: a head of zeros, so that the first prediction is zero; normal
    embeddings of time and text; Xavier for everything else. The modulation is left near zero,
    which all but closes the gates of the residual branches.
    """
    if name.endswith("modulation"):
        return noise / math.sqrt(shape[-1])
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    if name == "head.head.weight":
        return torch.zeros(shape)
    if name.startswith(("text_embedding", "time_embedding")):
        return EMBEDDING_STD * noise
    fan_out, fan_in = shape[0], math.prod(shape[1:])
    return noise * math.sqrt(2 / (fan_in + fan_out))


def vae_weight(name: str, shape: tuple[int, ...], noise: Tensor) -> Tensor:
    """A weight of a Wan VAE to train from nothing.

    Convolutions keep the scale of what they read, except the last of a residual branch, and the
    rows that give the log-variance of the posterior.
    """
    if name.endswith("gamma"):
        return torch.ones(shape)
    if len(shape) == 1:
        bias = torch.zeros(shape)
        if name == "conv1.bias":
            bias[shape[0] // 2 :] = LOG_VARIANCE
        return bias
    weight = noise / math.sqrt(math.prod(shape[1:]))
    if name.endswith(("residual.6.weight", "proj.weight")):
        return BRANCH_GAIN * weight
    if name == "conv1.weight":
        weight[shape[0] // 2 :] *= BRANCH_GAIN
    return weight
