"""Where tokens of pictures and of the prompt stand, as rotary tables.

Shapes: L tokens, D head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vtb.models.wan.fast.rope import THETA, RotaryTable

# (height, width) of a picture in tokens
Grid = tuple[int, int]


def picture_table(
    grids: Sequence[Grid], axes_dim: Sequence[int], device: torch.device
) -> RotaryTable:
    """The table of pictures one after the other, the picture to make first.

    A head's width is split into `axes_dim` for the picture's number, height and width; rows and
    columns are counted from the middle of a picture.
    """
    pictures = [
        torch.cartesian_prod(torch.tensor([number]), _centred(height), _centred(width))
        for number, (height, width) in enumerate(grids)
    ]
    return _table(torch.cat(pictures), axes_dim, device)


def prompt_table(
    length: int, grids: Sequence[Grid], axes_dim: Sequence[int], device: torch.device
) -> RotaryTable:
    """The table of `length` text tokens, which on all axes come after the largest picture."""
    start = max(side // 2 for grid in grids for side in grid)
    positions = torch.arange(start, start + length)
    return _table(positions[:, None].expand(-1, len(axes_dim)), axes_dim, device)


def _centred(length: int) -> Tensor:
    return torch.arange(length) - (length - length // 2)


def _table(positions: Tensor, axes_dim: Sequence[int], device: torch.device) -> RotaryTable:
    # In float32, as diffsynth computes it: the model was trained with these roundings.
    angles = [
        torch.outer(along.float(), 1 / THETA ** (torch.arange(0, dim, 2).float() / dim))
        for along, dim in zip(positions.unbind(1), axes_dim, strict=True)
    ]
    angle = torch.cat(angles, dim=1)[:, None].to(device)
    cos, sin = angle.cos(), angle.sin()
    return RotaryTable(
        torch.stack([cos, cos], dim=-1).flatten(-2), torch.stack([-sin, sin], dim=-1).flatten(-2)
    )
