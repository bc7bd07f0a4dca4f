"""Passes through a Qwen3-VL that cost a batch of pictures as many operations as one picture.

transformers goes through a batch picture by picture in the vision tower's attention, and sample by
sample for the positions: with small pictures or a small model a GPU mostly waits for that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen3VLForConditionalGeneration
from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb_vision

IMAGE, VIDEO = 1, 2  # kinds of tokens; text is 0
# Of what attention computes with padding, this part at least must be no padding.
LEAST_FILLED = 0.5


def batch_pictures(model: Qwen3VLForConditionalGeneration) -> None:
    """Replaces both by methods that give the same result; weights and their names stay."""
    inner: Any = model.model
    inner.get_rope_index = partial(rope_index, inner.config.vision_config.spatial_merge_size)
    if inner.visual.config._attn_implementation != "sdpa":
        return  # flash attention takes pictures of many sizes as they are
    for block in inner.visual.blocks:
        attention = block.attn
        attention.forward = MethodType(partial(_attend, attention.forward), attention)


def rope_index(
    merge: int,
    input_ids: Tensor,
    mm_token_type_ids: Tensor,
    image_grid_thw: Tensor | None = None,
    video_grid_thw: Tensor | None = None,
    attention_mask: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Positions of tokens in time, height and width, as `Qwen3VLModel.get_rope_index`.

    `mm_token_type_ids` and `attention_mask` have the shape (batch, tokens) of `input_ids`; a grid
    is (pictures, 3) in patches, of which `merge` x `merge` are a token. Returns int64 positions of
    shape (3, batch, tokens), 0 for padding, and (batch, 1): by how much a further token's position
    differs from its index among the sample's tokens.
    """
    valid = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
    kind = mm_token_type_ids.long() * valid
    media = kind > 0
    first = media & (kind != functional.pad(kind, (1, -1)))
    patches = _grids(kind[first], image_grid_thw, video_grid_thw)
    grids = patches // kind.new_tensor((1, merge, merge))
    # A picture moves what follows it on by its longer side.
    steps = valid.masked_fill(media, 0)
    steps[first] = grids[:, 1:].amax(1)
    starts = steps.cumsum(1) - steps
    positions = (starts * valid).expand(3, -1, -1).clone()
    picture = (first.flatten().cumsum(0) - 1)[media.flatten()]
    positions[:, media] = starts[first][picture] + _places(grids, picture)
    deltas = positions.amax((0, 2)) + 1 - valid.sum(1)
    return positions, deltas[:, None]


def _grids(kinds: Tensor, images: Tensor | None, videos: Tensor | None) -> Tensor:
    """The (time, height, width) of each run of media tokens, in patches; a frame is a run."""
    grids = kinds.new_ones(len(kinds), 3)
    if images is not None:
        grids[kinds == IMAGE] = images.to(grids)
    if videos is not None:
        frames = videos.repeat_interleave(videos[:, 0], dim=0).to(grids)
        frames[:, 0] = 1
        grids[kinds == VIDEO] = frames
    return grids


def _places(grids: Tensor, picture: Tensor) -> Tensor:
    """Where in its picture each media token is, (3, tokens)."""
    sizes = grids.prod(1)
    index = torch.arange(len(picture), device=picture.device) - (sizes.cumsum(0) - sizes)[picture]
    _, height, width = grids[picture].unbind(1)
    return torch.stack((index // (height * width), index // width % height, index % width))


def _attend(
    one_by_one: Callable[..., Tensor],
    self: Any,
    hidden_states: Tensor,
    cu_seqlens: Tensor,
    position_embeddings: tuple[Tensor, Tensor],
    **more: Any,
) -> Tensor:
    """Attention within each picture, (patches, width) to the same; pictures of a batch at once."""
    lengths = cu_seqlens.diff()
    shape = len(lengths), int(lengths.max())
    if len(hidden_states) < LEAST_FILLED * shape[0] * shape[1]:
        return one_by_one(
            hidden_states, cu_seqlens=cu_seqlens, position_embeddings=position_embeddings, **more
        )
    qkv = self.qkv(hidden_states).unflatten(1, (3, self.num_heads, -1))
    query, key, value = qkv.unbind(1)
    query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
    filled = torch.arange(shape[1], device=lengths.device) < lengths[:, None]
    index = filled.flatten().nonzero().squeeze(1)

    def padded(rows: Tensor) -> Tensor:
        whole = rows.new_zeros(shape[0] * shape[1], *rows.shape[1:]).index_copy(0, index, rows)
        return whole.unflatten(0, shape).transpose(1, 2)

    is_even = len(hidden_states) == shape[0] * shape[1]
    found = functional.scaled_dot_product_attention(
        padded(query),
        padded(key),
        padded(value),
        attn_mask=None if is_even else filled[:, None, None],
        scale=self.scaling,
    )
    return self.proj(found.transpose(1, 2).flatten(0, 1)[index].flatten(1))
