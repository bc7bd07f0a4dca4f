"""The whole transformer: from noisy latents to velocity.

Shapes: B batch, C latent channels, T latent frames, h and w latent height and width, L tokens,
D width of the model.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from vtb.models.wan.context import padding_bias
from vtb.models.wan.fast.block import Block, block, compiled_block
from vtb.models.wan.fast.modulation import TimeModulation, modulate, time_modulation
from vtb.models.wan.fast.rope import RotaryTable, rotary_table

Grid = tuple[int, int, int]
RELIEF_SHARE = 1 / 8

_log = logging.getLogger(__name__)


class WanForward(nn.Module):
    """Predicts the velocity with the weights of diffsynth's `WanModel`, in place.

    With `compile` the blocks run compiled; when that fails, a warning is logged and they run
    uncompiled. The first `num_checkpointed` blocks are recomputed in the backward pass, where they
    come last, when most other activations are already free.
    """

    def __init__(self, dit: Any, *, compile: bool, num_checkpointed: int) -> None:
        super().__init__()
        self.dit = dit
        self.num_checkpointed = num_checkpointed
        self._block: Block = compiled_block() if compile else block
        self._biases: dict[tuple[int, torch.dtype, torch.device], Tensor | None] = {}
        self._tables: dict[tuple[Grid, torch.device], RotaryTable] = {}

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        context: Tensor,
        is_image_conditioned: Tensor,
        y: Tensor | None = None,
    ) -> Tensor:
        """Velocity (B, C, T, h, w) of latents of that shape; nothing waits for the device.

        `timesteps` (B,) from 0 to 1000; `context` (B, S, text dim) as of `padded`; where
        `is_image_conditioned` (B,) the first latent frame is given and seen at timestep 0 (TI2V);
        `y` (B, 20, T, h, w) joins the latents as channels (I2V).
        """
        x = latents if y is None else torch.cat([latents, y], dim=1)
        try:
            return self._predict(x, timesteps, context, is_image_conditioned)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            if self._block is block:
                raise
            _log.warning("compilation failed, blocks run uncompiled and slower: %s", error)
            self._block = block
            return self._predict(x, timesteps, context, is_image_conditioned)

    def checkpoint_more(self) -> bool:
        """Recomputes an eighth more of the blocks; False when all are already."""
        num_blocks = len(self.dit.blocks)
        if self.num_checkpointed >= num_blocks:
            return False
        more = self.num_checkpointed + math.ceil(RELIEF_SHARE * num_blocks)
        self.num_checkpointed = min(more, num_blocks)
        return True

    def _predict(
        self, latents: Tensor, timesteps: Tensor, context: Tensor, is_image_conditioned: Tensor
    ) -> Tensor:
        tokens, grid = patchify(self.dit, latents)
        modulation = time_modulation(self.dit, timesteps, is_image_conditioned, grid[0])
        tokens = self._blocks(tokens, self.dit.text_embedding(context), modulation.blocks, grid)
        return unpatchify(self.dit, head(self.dit.head, tokens, modulation), grid)

    def _blocks(self, x: Tensor, context: Tensor, modulation: Tensor, grid: Grid) -> Tensor:
        if torch.is_grad_enabled():
            # A frozen embedding gives the first block an input without gradient, which would be
            # compiled apart. Going through it costs 0.2 % of a step of 30 blocks.
            x.requires_grad_()
        table = self._table(grid, x.device)
        bias = self._bias(context)
        for number, module in enumerate(self.dit.blocks):
            arguments = (module, x, context, bias, modulation, *table)
            if number < self.num_checkpointed:
                recomputed: Any = checkpoint(
                    self._block, *arguments, use_reentrant=False, preserve_rng_state=False
                )
                x = recomputed
            else:
                x = self._block(*arguments)
        return x

    def _bias(self, context: Tensor) -> Tensor | None:
        key = context.shape[1], context.dtype, context.device
        if key not in self._biases:
            bias = padding_bias(context.shape[1], context.dtype)
            self._biases[key] = None if bias is None else bias.to(context.device)
        return self._biases[key]

    def _table(self, grid: Grid, device: torch.device) -> RotaryTable:
        key = grid, device
        if key not in self._tables:
            self._tables[key] = rotary_table(grid, self.dit.blocks[0].self_attn.head_dim, device)
        return self._tables[key]


def patchify(dit: Any, latents: Tensor) -> tuple[Tensor, Grid]:
    """Embeds patches of (B, C, T, h, w): tokens (B, L, D) and their grid.

    A convolution whose stride is its kernel is a matrix product on the folded patches.
    """
    sizes, patch = latents.shape[2:], dit.patch_size
    frames, height, width = (size // edge for size, edge in zip(sizes, patch, strict=True))
    folded = latents.unflatten(4, (width, -1)).unflatten(3, (height, -1)).unflatten(2, (frames, -1))
    patches = folded.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3)
    convolution = dit.patch_embedding
    tokens = linear(patches, convolution.weight.flatten(1), convolution.bias)
    return tokens, (frames, height, width)


def head(module: Any, x: Tensor, modulation: TimeModulation) -> Tensor:
    """Norm, modulation and projection of tokens (B, L, D) to patches (B, L, patch values)."""
    per_frame = module.modulation.to(x.dtype) + modulation.head[:, :, None]
    shift, scale = per_frame.unbind(2)
    return module.head(modulate(module.norm(x), shift, scale))


def unpatchify(dit: Any, patches: Tensor, grid: Grid) -> Tensor:
    """Unfolds (B, L, patch values), channels last in a patch, to (B, C, T, h, w)."""
    folded = patches.unflatten(2, (*dit.patch_size, -1)).unflatten(1, grid)
    return folded.permute(0, 7, 1, 4, 2, 5, 3, 6).flatten(6, 7).flatten(4, 5).flatten(2, 3)
