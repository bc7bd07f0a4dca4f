"""The flow-matching loss of a Qwen-Image transformer as a module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vtb.models.qwen_image.fast.forward import QwenImageForward
from vtb.models.qwen_image.reference import ReferenceForward
from vtb.recipe.image import ImageTrainTable
from vtb.train.image.batch import NoisyPictures
from vtb.train.precision import mixed_precision


class QwenImageObjective(nn.Module):
    """Maps noisy pictures to the loss of each sample; owns the transformer."""

    def __init__(
        self,
        dit: Any,
        train: ImageTrainTable,
        *,
        zero_cond_t: bool,
        num_recomputed: int,
        compile_blocks: bool,
    ) -> None:
        super().__init__()
        self.dtype: torch.dtype = dit.img_in.weight.dtype
        self.predictor: QwenImageForward | ReferenceForward = (
            QwenImageForward(
                dit,
                zero_cond_t=zero_cond_t,
                compile=compile_blocks,
                num_checkpointed=num_recomputed,
            )
            if train.forward == "fast"
            else ReferenceForward(dit, zero_cond_t=zero_cond_t, recompute=num_recomputed > 0)
        )

    def forward(self, batch: NoisyPictures) -> Tensor:
        """Weighted mean squared error of the velocity per sample, float32 (B,).

        x_t = (1 - sigma) x_0 + sigma noise, target noise - x_0, as diffsynth's `FlowMatchSFTLoss`.
        """
        sigmas = batch.sigmas.view(-1, 1, 1, 1)
        clean, noise = batch.latents.float(), batch.noise
        noisy = (1 - sigmas) * clean + sigmas * noise
        with mixed_precision(self.predictor.dit.img_in.weight):
            velocity = self.predictor(
                noisy.to(self.dtype),
                batch.timesteps.to(self.dtype),
                batch.prompts.to(self.dtype),
                batch.prompt_mask,
                [reference.to(self.dtype) for reference in batch.references],
            )
        errors = (velocity.float() - (noise - clean)).square().mean(dim=(1, 2, 3))
        return errors * batch.weights

    def recompute_more(self) -> bool:
        """Recomputes an eighth more of the blocks; False when all are already."""
        return isinstance(self.predictor, QwenImageForward) and self.predictor.checkpoint_more()
