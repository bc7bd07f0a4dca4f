"""The flow-matching objective of Wan.

Shapes: B batch, C latent channels, T latent frames, h and w latent height and width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vtb.train.flow.batch import NoisyBatch

# (noisy latents, timesteps (B,), context, is_image_conditioned (B,), image condition) to velocity
Predictor = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]


def flow_matching_losses(predict: Predictor, batch: NoisyBatch, dtype: torch.dtype) -> Tensor:
    """Weighted mean squared error of the velocity per sample, float32 (B,).

    x_t = (1 - sigma) x_0 + sigma noise, target noise - x_0. A given first latent frame enters the
    model without noise and is not in the loss. The model computes in `dtype`. Equals diffsynth's
    `FlowMatchSFTLoss` for the same noise and timestep.
    """
    sigmas = batch.sigmas.view(-1, 1, 1, 1, 1)
    clean, noise = batch.latents.float(), batch.noise
    noisy = ((1 - sigmas) * clean + sigmas * noise).to(dtype)
    kept = clean.new_ones(clean.shape[0], clean.shape[2])
    if batch.first_frame is not None:
        is_given = batch.is_image_conditioned
        first = torch.where(
            is_given.view(-1, 1, 1, 1, 1), batch.first_frame.to(dtype), noisy[:, :, :1]
        )
        noisy = torch.cat([first, noisy[:, :, 1:]], dim=2)
        kept[:, 0] = (~is_given).float()
    velocity = predict(
        noisy,
        batch.timesteps.to(dtype),
        batch.context.to(dtype),
        batch.is_image_conditioned,
        None if batch.image_condition is None else batch.image_condition.to(dtype),
    )
    errors = (velocity.float() - (noise - clean)).square().mean(dim=(1, 3, 4))
    return (errors * kept).sum(dim=1) / kept.sum(dim=1) * batch.weights
