"""The whole transformer: from noisy latents to velocity.

Shapes: B batch, C latent channels, h and w latent height and width, S text tokens, D width.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from torch.utils.checkpoint import checkpoint

from vtb.models.qwen_image.fast.block import Block, Places, Streams, block, compiled_block
from vtb.models.qwen_image.fast.rope import Grid, picture_table, prompt_table

PATCH = 2
NUM_TIMESTEPS = 1000
RELIEF_SHARE = 1 / 8

_log = logging.getLogger(__name__)


class QwenImageForward(nn.Module):
    """Predicts the velocity with the weights of diffsynth's `QwenImageDiT`, in place.

    With `zero_cond_t` (Edit-2511) reference pictures are seen at timestep 0. With `compile` the
    blocks run compiled; when that fails, a warning is logged and they run uncompiled. The first
    `num_checkpointed` blocks are recomputed in the backward pass.
    """

    def __init__(
        self, dit: Any, *, zero_cond_t: bool, compile: bool, num_checkpointed: int
    ) -> None:
        super().__init__()
        self.dit = dit
        self.num_checkpointed = num_checkpointed
        self._zero_cond_t = zero_cond_t
        self._block: Block = compiled_block() if compile else block

    def forward(
        self,
        latents: Tensor,
        timesteps: Tensor,
        prompts: Tensor,
        prompt_mask: Tensor | None = None,
        references: Sequence[Tensor] = (),
    ) -> Tensor:
        """Velocity (B, C, h, w) of latents of that shape.

        `timesteps` (B,) from 0 to 1000; `prompts` (B, S, text dim), of which `prompt_mask` (B, S)
        tells the true tokens from padding, None if there is none; `references` (B, C, h_i, w_i)
        each.
        """
        arguments = (latents, timesteps, prompts, prompt_mask, references)
        try:
            return self._predict(*arguments)
        except (TorchDynamoException, FailOnRecompileLimitHit) as error:
            if self._block is block:
                raise
            _log.warning("compilation failed, blocks run uncompiled and slower: %s", error)
            self._block = block
            return self._predict(*arguments)

    def checkpoint_more(self) -> bool:
        """Recomputes an eighth more of the blocks; False when all are already."""
        num_blocks = len(self.dit.transformer_blocks)
        if self.num_checkpointed >= num_blocks:
            return False
        more = self.num_checkpointed + math.ceil(RELIEF_SHARE * num_blocks)
        self.num_checkpointed = min(more, num_blocks)
        return True

    def _predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        prompts: Tensor,
        prompt_mask: Tensor | None,
        references: Sequence[Tensor],
    ) -> Tensor:
        dit, pictures = self.dit, (latents, *references)
        grids = [(one.shape[2] // PATCH, one.shape[3] // PATCH) for one in pictures]
        num_made = grids[0][0] * grids[0][1]
        streams = Streams(
            dit.img_in(torch.cat([patches(one) for one in pictures], dim=1)),
            dit.txt_in(dit.txt_norm(prompts)),
        )
        temb = self._embedded(timesteps, streams.pictures.dtype, has_references=bool(references))
        places = self._places(grids, prompts, prompt_mask)
        made = self._blocks(streams, temb, places, num_made)[:, :num_made]
        return unpatched(dit.proj_out(dit.norm_out(made, temb[:, 0])), grids[0])

    def _embedded(self, timesteps: Tensor, dtype: torch.dtype, *, has_references: bool) -> Tensor:
        """The timestep's embedding (B, R, D), R = 2 where references have one of their own."""
        share = timesteps / NUM_TIMESTEPS
        rows = [share, torch.zeros_like(share)] if self._zero_cond_t and has_references else [share]
        embedded = self.dit.time_text_embed(torch.cat(rows), dtype)
        return embedded.unflatten(0, (len(rows), -1)).transpose(0, 1)

    def _places(self, grids: Sequence[Grid], prompts: Tensor, mask: Tensor | None) -> Places:
        axes, device = self.dit.pos_embed.axes_dim, prompts.device
        bias = None
        if mask is not None:
            num_tokens = sum(height * width for height, width in grids)
            bias = prompts.new_zeros(len(mask), mask.shape[1] + num_tokens)
            bias[:, : mask.shape[1]].masked_fill_(~mask, -math.inf)
        return Places(
            picture_table(grids, axes, device),
            prompt_table(prompts.shape[1], grids, axes, device),
            bias,
        )

    def _blocks(self, streams: Streams, temb: Tensor, places: Places, num_made: int) -> Tensor:
        if torch.is_grad_enabled():
            # As the frozen embeddings' outputs have no gradient, the first block would be compiled
            # apart from the others.
            streams.pictures.requires_grad_()
            streams.prompt.requires_grad_()
        for number, module in enumerate(self.dit.transformer_blocks):
            arguments = (module, streams, temb, places, num_made)
            if number < self.num_checkpointed:
                recomputed: Any = checkpoint(
                    self._block, *arguments, use_reentrant=False, preserve_rng_state=False
                )
                streams = recomputed
            else:
                streams = self._block(*arguments)
        return streams.pictures


def patches(latents: Tensor) -> Tensor:
    """Folds (B, C, h, w) into tokens (B, L, 4 C) of 2x2 values, row by row, channels first."""
    folded = latents.unflatten(3, (-1, PATCH)).unflatten(2, (-1, PATCH))
    return folded.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpatched(tokens: Tensor, grid: Grid) -> Tensor:
    """Unfolds tokens of a (height, width) grid to (B, C, h, w)."""
    folded = tokens.unflatten(2, (-1, PATCH, PATCH)).unflatten(1, grid)
    return folded.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
