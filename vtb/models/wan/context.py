"""Encoded prompts as the transformer reads them.

Wan fills a prompt up with zeros to 512 tokens and attends to these too. They are all alike, so two
of them, with more weight, do for the rest: for a small model the zeros would be half of the work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vtb.models.wan.variants import TEXT_TOKENS

# Lengths are multiples of it, so that few have to be compiled.
GRAIN = 32
STANDING = 2
# What the first of the two stands for at most is a rounding of bfloat16 less than all.
FIRST_SHARE = 0.98


def padded(contexts: Sequence[Tensor]) -> Tensor:
    """Encoded prompts (n, text dim) as one batch (B, S, text dim), zeros after each one's tokens.

    S is 512, or less where all of them leave room; then two zeros at least come last, which stand
    for those that are left out.
    """
    wanted = max(map(len, contexts)) + STANDING
    length = min(TEXT_TOKENS, math.ceil(wanted / GRAIN) * GRAIN)
    batch = contexts[0].new_zeros(len(contexts), length, contexts[0].shape[1])
    for row, context in zip(batch, contexts, strict=True):
        row[: len(context)] = context
    return batch


def padding_bias(length: int, dtype: torch.dtype) -> Tensor | None:
    """What attention adds to its scores of S = `length` text tokens (S,); None for all 512.

    A token that stands for n counts n times in a softmax if log(n) is added to its score. One
    logarithm in bfloat16 is off by up to 1.6 %; so the second token stands for what the first,
    as rounded, lacks, which leaves less than 0.1 %.
    """
    if length == TEXT_TOKENS:
        return None
    bias = torch.zeros(length, dtype=dtype)
    number = TEXT_TOKENS - length + STANDING
    bias[-2] = math.log(FIRST_SHARE * number)
    bias[-1] = math.log(number - math.exp(bias[-2].item()))
    return bias
