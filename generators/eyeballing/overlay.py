"""A picture that explains a verdict on an eyeballing answer."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vtb.core.types import Array
from vtb.media.compare import grow

from .scene import FAINT_LEVEL, Scene

RIGHT, EXTRA, MISSING, ERASED = (40, 170, 70), (240, 200, 40), (90, 140, 240), (230, 0, 200)


def explain(
    scene: Scene, puzzle: Array, picture: Array, marked: Sequence[str], answer: str
) -> Array:
    """The puzzle, RGB uint8, with a ring around what was or should have been marked.

    Green is the right option when marked and blue when not, yellow a wrong one that was marked;
    given ink that is gone is magenta, what was drawn besides is grey.
    """
    overlay = puzzle.copy()
    faint = scene.darker(picture, FAINT_LEVEL)
    overlay[faint & ~scene.near] = (150, 150, 150)
    overlay[scene.ink & ~grow(faint, scene.tolerance)] = ERASED
    for label, spot in scene.markers.items():
        if label != answer and label not in marked:
            continue
        colour = EXTRA if label != answer else RIGHT if label in marked else MISSING
        centre, radius = (round(spot.real), round(spot.imag)), 1.6 * scene.radius
        width = max(2, round(4 * scene.scale))
        cv2.circle(overlay, centre, round(radius), colour, width, cv2.LINE_AA)
    return np.asarray(overlay, np.uint8)
