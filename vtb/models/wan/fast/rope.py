"""Rotary position embedding in real float32 arithmetic.

Shapes: B batch, L tokens, N heads, D head width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

THETA = 10_000


class RotaryTable(NamedTuple):
    """Cosines and signed sines of every token, float32 (L, 1, D), broadcast over heads.

    Both values of a pair have the same cosine; the first has the negative sine.
    """

    cos: Tensor
    sin: Tensor


def rotary_table(grid: tuple[int, int, int], head_dim: int, device: torch.device) -> RotaryTable:
    """The table of a (frames, height, width) grid of tokens.

    A head's width is split into time, height and width as D - 2 (D // 3), D // 3, D // 3; angles
    are computed in float64, as diffsynth does.
    """
    third = head_dim // 3
    angles: list[Tensor] = []
    for axis, dim in enumerate((head_dim - 2 * third, third, third)):
        exponents = torch.arange(0, dim, 2, dtype=torch.float64, device=device) / dim
        positions = torch.arange(grid[axis], dtype=torch.float64, device=device)
        shape = [1, 1, 1, -1]
        shape[axis] = grid[axis]
        along_axis = torch.outer(positions, torch.pow(THETA, -exponents)).view(shape)
        angles.append(along_axis.expand(*grid, -1))
    angle = torch.cat(angles, dim=-1).flatten(0, 2)[:, None]
    cos, sin = angle.cos().float(), angle.sin().float()
    return RotaryTable(
        torch.stack([cos, cos], dim=-1).flatten(-2), torch.stack([-sin, sin], dim=-1).flatten(-2)
    )


def rotate(x: Tensor, table: RotaryTable) -> Tensor:
    """Turns each adjacent pair of x (B, L, N, D) by its token's angles.

    (a, b) becomes (a cos - b sin, b cos + a sin). A swap of neighbours and two products instead of
    strided halves put together again: the compiler makes one kernel of it and of the norm before.
    """
    values = x.float()
    swapped = values.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return (values * table.cos + swapped * table.sin).to(x.dtype)
