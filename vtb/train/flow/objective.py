"""The flow-matching loss of a Wan transformer as a module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vtb.models.wan.fast import WanForward
from vtb.models.wan.reference import ReferenceForward
from vtb.recipe.schema import VideoTrainTable
from vtb.train.flow.batch import NoisyBatch
from vtb.train.flow.flow_matching import flow_matching_losses
from vtb.train.precision import mixed_precision


class WanObjective(nn.Module):
    """Maps a noisy batch to the loss of each sample; owns the transformer."""

    def __init__(
        self, dit: Any, train: VideoTrainTable, *, num_recomputed: int, compile_blocks: bool
    ) -> None:
        super().__init__()
        self.dtype: torch.dtype = dit.patch_embedding.weight.dtype
        self.predictor: WanForward | ReferenceForward = (
            WanForward(dit, compile=compile_blocks, num_checkpointed=num_recomputed)
            if train.forward == "fast"
            else ReferenceForward(dit, recompute=num_recomputed > 0)
        )

    def forward(self, batch: NoisyBatch) -> Tensor:
        """Losses, float32 (B,)."""
        return flow_matching_losses(self.predict, batch, self.dtype)

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Tensor,
        is_image_conditioned: Tensor,
        y: Tensor | None = None,
    ) -> Tensor:
        """Velocity, with arguments and result as in `WanForward.forward`."""
        with mixed_precision(self.predictor.dit.patch_embedding.weight):
            return self.predictor(latents, timesteps, context, is_image_conditioned, y)

    def recompute_more(self) -> bool:
        """Recomputes an eighth more of the blocks; False when all are already."""
        return isinstance(self.predictor, WanForward) and self.predictor.checkpoint_more()
