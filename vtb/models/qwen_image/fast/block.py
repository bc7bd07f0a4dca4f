"""One double-stream block, and its compiled form.

Shapes: B batch, L tokens of all pictures, N of them to be made, S text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vtb.models.compiling import compiled
from vtb.models.wan.fast.attention import attend
from vtb.models.wan.fast.rope import RotaryTable, rotate


class Streams(NamedTuple):
    """The tokens of the pictures (B, L, D) and of the prompt (B, S, D)."""

    pictures: Tensor
    prompt: Tensor


class Places(NamedTuple):
    """Where all tokens stand: tables of pictures and prompt; `bias` (B, S + L) of the keys.

    The bias is 0 for a token and minus infinity for padding, and None without padding.
    """

    pictures: RotaryTable
    prompt: RotaryTable
    bias: Tensor | None


# (module, streams, temb, places, N) to streams
Block = Callable[[Any, Streams, Tensor, Places, int], Streams]


def block(module: Any, streams: Streams, temb: Tensor, places: Places, num_made: int) -> Streams:
    """Joint attention and a feed-forward for each stream, each added to it.

    `module` is diffsynth's `QwenImageTransformerBlock`, whose weights are used. `temb` (B, R, D) is
    the embedded timestep; with a second row (R = 2), which is that of timestep 0, the tokens from
    `num_made` on are modulated by it: the reference pictures.
    """
    of_pictures = _Modulation.of(module.img_mod(temb), num_made)
    of_prompt = _Modulation.of(module.txt_mod(temb[:, :1]), streams.prompt.shape[1])
    attended = _attention(
        module.attn,
        Streams(
            of_pictures.before_attention(module.img_norm1(streams.pictures)),
            of_prompt.before_attention(module.txt_norm1(streams.prompt)),
        ),
        places,
    )
    pictures = streams.pictures + of_pictures.after_attention(attended.pictures)
    prompt = streams.prompt + of_prompt.after_attention(attended.prompt)
    fed = module.img_mlp(of_pictures.before_mlp(module.img_norm2(pictures)))
    told = module.txt_mlp(of_prompt.before_mlp(module.txt_norm2(prompt)))
    return Streams(pictures + of_pictures.after_mlp(fed), prompt + of_prompt.after_mlp(told))


def compiled_block() -> Block:
    """`block`, compiled at its first call and then once for each new shape."""
    return compiled(block)


class _Modulation:
    """Shift, scale and gate of attention and feed-forward, (B, R, 6, D), and where rows change."""

    def __init__(self, values: Tensor, first: int) -> None:
        self._values, self._first = values, first

    @classmethod
    def of(cls, projected: Tensor, first: int) -> _Modulation:
        """From (B, R, 6 D); the second row is that of the tokens from `first` on."""
        return cls(projected.unflatten(-1, (6, -1)), first)

    def before_attention(self, x: Tensor) -> Tensor:
        return self._each(x, lambda part, row: part * (1 + row[:, 1]) + row[:, 0])

    def after_attention(self, x: Tensor) -> Tensor:
        return self._each(x, lambda part, row: part * row[:, 2])

    def before_mlp(self, x: Tensor) -> Tensor:
        return self._each(x, lambda part, row: part * (1 + row[:, 4]) + row[:, 3])

    def after_mlp(self, x: Tensor) -> Tensor:
        return self._each(x, lambda part, row: part * row[:, 5])

    def _each(self, x: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        rows = [row[:, :, None] for row in self._values.unbind(1)]
        if len(rows) == 1:
            return change(x, rows[0])
        parts = x[:, : self._first], x[:, self._first :]
        return torch.cat([change(*pair) for pair in zip(parts, rows, strict=True)], dim=1)


def _attention(module: Any, x: Streams, places: Places) -> Streams:
    heads = (module.num_heads, -1)

    def turned(norm: Any, projected: Tensor, table: RotaryTable) -> Tensor:
        return rotate(norm(projected.unflatten(-1, heads)), table)

    prompt, pictures = places.prompt, places.pictures
    q = torch.cat(
        [
            turned(module.norm_added_q, module.add_q_proj(x.prompt), prompt),
            turned(module.norm_q, module.to_q(x.pictures), pictures),
        ],
        dim=1,
    )
    k = torch.cat(
        [
            turned(module.norm_added_k, module.add_k_proj(x.prompt), prompt),
            turned(module.norm_k, module.to_k(x.pictures), pictures),
        ],
        dim=1,
    )
    v = torch.cat([module.add_v_proj(x.prompt), module.to_v(x.pictures)], dim=1)
    length = x.prompt.shape[1]
    found = attend(q, k, v.unflatten(-1, heads), places.bias).flatten(-2)
    return Streams(module.to_out(found[:, length:]), module.to_add_out(found[:, :length]))
