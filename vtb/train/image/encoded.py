"""A picture, its prompt and its references as the transformer reads them, before any noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One encoded sample on the CPU.

    `latents` (C, h, w) of the picture to make; `prompt` (n, text dim), the true tokens, which have
    seen the references too; `references` (C, h_i, w_i), the latents of the pictures to edit.
    """

    latents: Tensor
    prompt: Tensor
    references: tuple[Tensor, ...] = ()
