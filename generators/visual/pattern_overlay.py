"""A picture that explains a verdict on a pattern puzzle. Imports OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from vtb.core.types import Array
from vtb.media.compare import Mask

from .lab import distance, lab
from .pattern_drawing import Easel
from .pattern_scene import Change

RIGHT, WRONG, MISSING, EXTRA = (40, 170, 70), (230, 0, 200), (90, 140, 240), (240, 200, 40)
# A pixel is as it should be when it is nearer than this (CIELAB).
ALIKE = 22


def explain(easel: Easel, puzzle: Array, picture: Array, region: Mask, change: Change) -> Array:
    """The puzzle, RGB uint8, with the hidden place coloured by how `picture` fills it.

    `region` marks all that filling the place may change. Green is what is as in the solution, blue
    what is missing of it, magenta what is filled in with something else, and yellow what is filled
    in beside it. Cells of the scene that changed are magenta, too.
    """
    overlay = puzzle.copy()
    seen = lab(np.ascontiguousarray(easel.box.of(picture)))
    bare, answer = easel.bare_patch(), easel.patch(easel.data["answer"])
    wanted = (answer != bare).any(axis=2)

    def shows(patch: Array) -> Mask:
        return distance(seen, lab(patch)) < ALIKE

    right, untouched = shows(answer), shows(easel.patch(None)) | shows(bare)
    window = easel.box.of(overlay)
    window[wanted & right] = RIGHT
    window[wanted & ~right] = WRONG
    window[wanted & ~right & untouched] = MISSING
    window[easel.box.of(region) & ~wanted & ~right & ~untouched] = EXTRA
    size = (overlay.shape[1], overlay.shape[0])
    cells = cv2.resize(change.cells.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    overlay[cells > 0] = WRONG
    return overlay
