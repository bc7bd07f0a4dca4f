"""Diffsynth's own forward of a Qwen-Image transformer, with the signature of the fast one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vtb.models.upstream import import_diffsynth

PIXELS_PER_LATENT = 8


class ReferenceForward(nn.Module):
    """Predicts the velocity by `model_fn_qwen_image`, which is written for one sample at a time.

    With `recompute` all blocks are recomputed in the backward pass.
    """

    def __init__(self, dit: Any, *, zero_cond_t: bool, recompute: bool) -> None:
        super().__init__()
        import_diffsynth()
        from diffsynth.pipelines.qwen_image import model_fn_qwen_image

        self.dit = dit
        self._zero_cond_t, self._recomputes = zero_cond_t, recompute
        self._model_fn: Any = model_fn_qwen_image

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        prompts: Tensor,
        prompt_mask: Tensor | None = None,
        references: Sequence[Tensor] = (),
    ) -> Tensor:
        """Velocity, with arguments and result as in `QwenImageForward.forward`."""
        mask = (
            torch.ones(prompts.shape[:2], dtype=torch.bool) if prompt_mask is None else prompt_mask
        )
        lengths: list[int] = mask.sum(dim=1).tolist()
        height, width = (PIXELS_PER_LATENT * side for side in latents.shape[2:])
        made = [
            self._model_fn(
                dit=self.dit,
                latents=latents[i : i + 1],
                timestep=timesteps[i : i + 1],
                prompt_emb=prompts[i : i + 1, :length],
                prompt_emb_mask=torch.ones(1, length, dtype=torch.long),
                height=height,
                width=width,
                edit_latents=[reference[i : i + 1] for reference in references] or None,
                zero_cond_t=self._zero_cond_t and bool(references),
                use_gradient_checkpointing=self._recomputes,
            )
            for i, length in enumerate(lengths)
        ]
        return torch.cat(made)
