"""A Wan VAE to train on the clips of a data set.

Shapes: B batch, C latent channels, T pixel frames of H x W px, t latent frames of h x w.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from vtb.core.types import Array
from vtb.recipe.schema import VaeTable, VideoRecipe
from vtb.train.latents.clips import ClipSource
from vtb.train.loop.order import Order
from vtb.train.loop.randomness import below, key_of, normal
from vtb.train.precision import mixed_precision
from vtb.train.weights import Weights


@dataclass(frozen=True, slots=True)
class VaeBatch:
    """B clips: RGB uint8 `frames` (B, T, H, W, 3), the keys (B,) of the posterior's noise."""

    frames: Tensor
    noise_keys: Tensor
    groups: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed."""
        return type(self)(change(self.frames), change(self.noise_keys), change(self.groups))


class VaeObjective(nn.Module):
    """Maps clips to the loss of a VAE on each; `vae` is diffsynth's wrapper.

    The loss is the mean absolute error of the pixels in [-1, 1] plus `kl_weight` times the mean
    divergence of the posterior from a standard normal. The latter is taken in the normalised
    latents that the transformer reads: whatever its weight, it is least where their second moment
    is 1 in each channel, since the decoder can undo any scale. So a VAE trained from nothing comes
    to fit the wrapper's constants.
    """

    def __init__(self, vae: Any, table: VaeTable) -> None:
        super().__init__()
        self.losses = _Losses(vae, table.kl_weight)
        self._stride: int = vae.upsampling_factor
        self._channels: int = vae.z_dim

    def forward(self, batch: VaeBatch) -> Tensor:
        """Losses, float32 (B,)."""
        shape = self._latent_shape(*batch.frames.shape[1:4])
        return self.losses(batch.frames, normal(batch.noise_keys, shape))

    def record(self, batch_size: int, num_frames: int, side: int) -> None:
        """Computes every step from now on by replaying CUDA graphs of one on square clips.

        A step of a small VAE is thousands of short kernels, and starting them one by one takes
        several times as long as they run. The gradients of a replay take the place of those of the
        last one: each must be applied before the next.
        """
        device = next(self.parameters()).device
        frames = torch.randint(256, (batch_size, num_frames, side, side, 3), device=device)
        noise = torch.randn(batch_size, *self._latent_shape(num_frames, side, side), device=device)
        torch.cuda.make_graphed_callables(self.losses, (frames.byte(), noise))

    def _latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, ...]:
        spatial = (height // self._stride, width // self._stride)
        return (self._channels, (num_frames - 1) // 4 + 1, *spatial)


class _Losses(nn.Module):
    def __init__(self, vae: Any, kl_weight: float) -> None:
        super().__init__()
        self.model: nn.Module = vae.model
        self._kl_weight = kl_weight
        # Mean and reciprocal deviation of the published model's latents (C,).
        device = next(self.model.parameters()).device
        self._scale: list[Tensor] = [constant.to(device) for constant in vae.scale]

    def forward(self, frames: Tensor, noise: Tensor) -> Tensor:
        clips = frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        with mixed_precision(next(self.model.parameters())):
            mean, log_variance = self._posterior(clips)
            latents = mean + torch.exp(log_variance / 2) * noise
            model: Any = self.model
            decoded = model.decode(latents, self._scale).float()
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance) / 2
        return _pixel_losses(decoded, clips) + self._kl_weight * divergence.flatten(1).mean(1)

    def _posterior(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the normalised latents, float32 (B, C, t, h, w) each.

        `encode` of the inner model returns the mean alone; the variance is the other half of what
        its last layer gives.
        """
        model: Any = self.model
        moments: list[Tensor] = []
        handle = model.conv1.register_forward_hook(lambda *call: moments.append(call[2]))
        try:
            mean: Tensor = model.encode(clips, self._scale)
        finally:
            handle.remove()
        log_variance = moments[0].chunk(2, dim=1)[1].float()
        shift = 2 * self._scale[1].to(log_variance).log().view(-1, 1, 1, 1)
        return mean.float(), log_variance + shift


class VaeTask:
    """Reconstruction of the clips of a data set; what is trained is up to `weights`.

    Crops begin at multiples of `grid` px, so that what a puzzle aligns to tokens stays aligned.
    """

    group_names: Sequence[str] = ("clips",)

    def __init__(
        self,
        objective: VaeObjective,
        weights: Weights,
        recipe: VideoRecipe,
        clips: ClipSource,
        *,
        grid: int,
    ) -> None:
        self.module = objective
        self._order = Order(clips.sizes, recipe.train.batch, recipe.train.seed)
        self.num_samples, self.shape = self._order.num_samples, self._order.shape
        self.write_weights, self.read_weights = weights.write, weights.read
        self._seed, self._clips = recipe.train.seed, clips
        self._crop, self._grid = recipe.vae.crop, grid

    def batch(self, counters: range) -> VaeBatch:
        """The clips consumed at `counters`, on the CPU."""
        clips = [self._frames(counter) for counter in counters]
        keys = torch.tensor([key_of(self._seed, "posterior", counter) for counter in counters])
        return VaeBatch(torch.from_numpy(np.stack(clips)), keys, torch.zeros_like(keys))

    def _frames(self, counter: int) -> Array:
        frames = self._clips.read(self._order.number(counter)).frames
        if not self._crop:
            return frames
        top, left = (
            self._grid * below((side - self._crop) // self._grid + 1, self._seed, axis, counter)
            for side, axis in zip(frames.shape[1:3], ("top", "left"), strict=True)
        )
        return frames[:, top : top + self._crop, left : left + self._crop]

    def describe(self, counter: int) -> str:
        """The sample's id."""
        return self._clips.ids[self._order.number(counter)]

    def relieve(self) -> bool:
        """False: a VAE keeps all its activations."""
        return False


def _pixel_losses(decoded: Tensor, clips: Tensor) -> Tensor:
    """Mean of |e| + e^2 per clip (B,), e the error in [-1, 1]; each latent frame counts alike.

    The square is for what is small but far off: a red mark among black and white. The first frame,
    alone in its latent frame, weighs as much as four others.
    """
    error = decoded - clips
    per_frame = (error.abs() + error.square()).mean(dim=(1, 3, 4))
    return (4 * per_frame[:, 0] + per_frame[:, 1:].sum(1)) / (3 + per_frame.shape[1])
