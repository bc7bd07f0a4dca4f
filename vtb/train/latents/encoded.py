"""A clip and its prompt as the transformer reads them, before any noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded sample on the CPU.

    `latents` (C, T, h, w); `context` (n, text dim), the prompt's true tokens; and what the model
    is conditioned on: `first_frame_latents` (C, 1, h, w), the first frame by itself (TI2V), or
    `image_condition` (C, T, h, w), the VAE's channels of the first frame followed by grey (I2V).
    """

    latents: Tensor
    context: Tensor
    first_frame_latents: Tensor | None = None
    image_condition: Tensor | None = None
