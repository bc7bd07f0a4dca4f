"""A picture that explains a verdict on an ARC answer."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vtb.core.types import Array
from vtb.media.compare import Mask

from .placement import Layout

RIGHT, WRONG, CHANGED = (40, 170, 70), (230, 0, 200), (240, 140, 20)


def explain(seen: Array, layout: Layout, changed: Sequence[Mask], right: Mask) -> Array:
    """The picture with frames: green and magenta for right and wrong cells, orange for changed."""
    overlay = seen.copy()
    width = max(1, layout.cell // 8)
    for placement, cells in zip(layout.placements, [*changed, right], strict=True):
        is_answer = placement is layout.answer
        for row, col in np.argwhere(np.ones_like(cells) if is_answer else cells):
            colour = (RIGHT if cells[row, col] else WRONG) if is_answer else CHANGED
            box = layout.box(placement, int(row), int(col)).grown(-(width // 2) - 1)
            corner, opposite = (box.left, box.top), (box.right - 1, box.bottom - 1)
            cv2.rectangle(overlay, corner, opposite, colour, width)
    return np.asarray(overlay, np.uint8)
