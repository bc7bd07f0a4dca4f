"""Diffsynth's own forward of a Wan transformer, with the signature of the fast one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vtb.models.upstream import import_diffsynth
from vtb.models.wan.variants import TEXT_TOKENS


class ReferenceForward(nn.Module):
    """Predicts the velocity by `model_fn_wan_video`, which is written for one sample at a time.

    With `recompute` all blocks are recomputed in the backward pass.
    """

    def __init__(self, dit: Any, *, recompute: bool) -> None:
        super().__init__()
        import_diffsynth()
        from diffsynth.pipelines.wan_video import model_fn_wan_video

        self.dit = dit
        self._recomputes = recompute
        self._model_fn: Any = model_fn_wan_video

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Tensor,
        is_image_conditioned: Tensor,
        y: Tensor | None = None,
    ) -> Tensor:
        """Velocity, with arguments and result as in `WanForward.forward`."""
        samples = range(len(latents))
        whole = pad(context, (0, 0, 0, TEXT_TOKENS - context.shape[1]))
        return torch.cat(
            [
                self._model_fn(
                    dit=self.dit,
                    latents=latents[i : i + 1],
                    timestep=timesteps[i : i + 1],
                    context=whole[i : i + 1],
                    y=None if y is None else y[i : i + 1],
                    fuse_vae_embedding_in_latents=is_given,
                    use_gradient_checkpointing=self._recomputes,
                )
                for i, is_given in zip(samples, is_image_conditioned.tolist(), strict=True)
            ]
        )
