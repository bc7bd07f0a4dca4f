"""A picture that explains a verdict on a maze."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vtb.core.types import Array

from .scene import Scene
from .trace import Trace

LEGAL = (40, 170, 70)
EXTRA = (240, 200, 40)
MISSING = (90, 140, 240)
HIT = (230, 0, 200)
TINT = 0.6


def explain(
    scene: Scene, trace: Trace, puzzle: Array, legal: Sequence[int], solution: Sequence[int]
) -> Array:
    """The puzzle, RGB uint8, with the trace explained by colours.

    Cells of the legal path are green, other drawn cells yellow, cells of the solution without
    path blue; the trace itself is a darker line on top, magenta where it hits a wall. The ends
    keep their colours.
    """
    tints = np.full((scene.num_regions + 1, 3), -1.0, np.float32)
    tints[list(solution)] = MISSING
    tints[trace.on] = EXTRA
    tints[list(legal)] = LEGAL
    tints[[solution[0], solution[-1]]] = -1
    colour = tints[scene.regions]
    tinted = np.where(colour < 0, puzzle, (1 - TINT) * puzzle + TINT * colour)
    tinted[trace.marks] *= 0.45
    tinted[trace.hits] = HIT
    return tinted.astype(np.uint8)
