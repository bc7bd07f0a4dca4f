"""How a picture differs from the puzzle it answers: where it lies, what is red, what changed.

Pictures are RGB uint8 (H, W, 3). Masks are bool (H, W) in the puzzle's own pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.types import Array, Reason

Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.int32]

MIN_SCENE_SCORE = 0.5
# The undisturbed scene correlates to 0.99 and more; below this a better place is searched for.
SURE_SCENE_SCORE = 0.95
MAX_SHIFT = 0.02
MAX_ASPECT_DIFFERENCE = 0.02
# A picture may be the middle of a wider one, 21:9 at most: of three answers side by side, none is.
MAX_FIT_AREA = 2.5

# Of 150 mazes with cells of 6 to 28 px, 13 paths broke at 50 after crf 23 and half size, and at 40
# a blur of 2 px flooded 32; at 45 all passed both.
MIN_REDNESS = 45
MIN_RED = 90
MAX_HUE_DEG = 25
SPECK_PX = 4
SPECK_SHARE = 4e-5

# Of 255, in the channel that moved most.
CHANGED_LEVEL = 100
MIN_JUDGED_SHARE = 0.25
MAX_PSNR_DB = 100.0


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a picture lies over its puzzle.

    Resized to `height` x `width` px, its first pixel falls on (`top`, `left`) of the puzzle.
    `score` is the correlation of both scenes there, at most 1.
    """

    height: int
    width: int
    top: int
    left: int
    score: float
    same_aspect: bool

    @property
    def failure(self) -> Reason | None:
        """Why the picture does not show the puzzle's scene at all; None when it does."""
        if self.score >= MIN_SCENE_SCORE:
            return None
        return Reason.CHANGED_SCENE if self.same_aspect else Reason.WRONG_SIZE

    def warp(self, picture: Array, puzzle: Array) -> Array:
        """The picture in the puzzle's pixels; what it does not show repeats its border."""
        resized = _resize(picture, self.height, self.width)
        height, width = puzzle.shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom = max(0, height - self.top - self.height)
        right = max(0, width - self.left - self.width)
        if top or left or bottom or right:
            border = cv2.BORDER_REPLICATE
            resized = cv2.copyMakeBorder(resized, top, bottom, left, right, border)
        y, x = max(0, -self.top), max(0, -self.left)
        return np.ascontiguousarray(resized[y : y + height, x : x + width], dtype=np.uint8)


def align(
    picture: Array, puzzle: Array, where: Mask | None = None, sure_score: float | None = None
) -> Alignment:
    """The best place among stretched, letterboxed and centre-cropped, each shifted up to 2 %.

    Scenes are compared in the whole picture, or only `where` the puzzle has something to show:
    much is drawn into sparse ones. A shift is looked for below `sure_score`, by default 0.95.
    """
    height, width = picture.shape[:2]
    aspect = (width * puzzle.shape[0]) / (height * puzzle.shape[1])
    same_aspect = abs(aspect - 1) <= MAX_ASPECT_DIFFERENCE
    places = [
        _place(picture, puzzle, size, same_aspect, where, sure_score or SURE_SCENE_SCORE)
        for size in _fits(picture.shape[:2], puzzle.shape[:2])
    ]
    return max(places, key=lambda place: place.score)


def red(picture: Array) -> Mask:
    """Where a picture is red: R over both others by 45, at least 90, hue within 25 degrees."""
    r, g, b = cv2.split(picture)
    redness = cv2.subtract(r, cv2.max(g, b))
    # Hue is 60 degrees x (G - B) / (R - min(G, B)) where R is the largest.
    limit = cv2.convertScaleAbs(cv2.subtract(r, cv2.min(g, b)), alpha=MAX_HUE_DEG / 60)
    return (redness >= MIN_REDNESS) & (r >= MIN_RED) & (cv2.absdiff(g, b) <= limit)


def new_red(picture: Array, puzzle: Array) -> Mask:
    """Where a picture is red and its puzzle is not, without the seam of 1 px around red there."""
    return red(picture) & ~grow(red(puzzle), 1)


def speck_px(mask: Mask) -> int:
    """From how many pixels on a mark is more than noise: 4, or 0.004 % of a large picture."""
    return max(SPECK_PX, round(SPECK_SHARE * mask.size))


def drop_specks(mask: Mask, min_px: int) -> Mask:
    """The mask without its components (8-connected) of fewer than `min_px` pixels."""
    kept = mask.copy()
    if mask.any():
        labels = components(mask)[mask]
        kept[mask] = (np.bincount(labels) >= min_px)[labels]
    return kept


def keep_streaks(mask: Mask, min_px: float) -> Mask:
    """The components of the mask that are at least `min_px` high or wide."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    is_long = np.asarray(sides.max(axis=1) >= min_px, np.bool_)
    return mask & is_long[np.asarray(labels, np.int32)]


def components(mask: Mask) -> Labels:
    """The number of the component (8-connected) of each pixel of the mask, 0 outside of it."""
    return np.asarray(cv2.connectedComponents(mask.view(np.uint8))[1], np.int32)


def grow(mask: Mask, radius_px: int) -> Mask:
    """The mask and everything within `radius_px` of it, diagonals included."""
    return cv2.dilate(mask.view(np.uint8), _square(radius_px)).view(np.bool_)


def shrink(mask: Mask, radius_px: int) -> Mask:
    """The mask without what is within `radius_px` of its outside; the picture's rim stays."""
    return cv2.erode(mask.view(np.uint8), _square(radius_px)).view(np.bool_)


def close_gaps(mask: Mask, radius_px: int) -> Mask:
    """The mask with gaps of up to twice `radius_px` filled."""
    return shrink(grow(mask, radius_px), radius_px)


def changed_shares(
    picture: Array, puzzle: Array, elements: Labels, num_elements: int, ignore: Mask
) -> NDArray[np.float64]:
    """Per element of the scene, the share of its pixels whose colour moved by more than 100.

    `elements` (H, W) holds the element of each pixel; values from `num_elements` on are not
    judged, nor are pixels in `ignore`. An element of which less than a quarter is left scores 0.
    """
    r, g, b = cv2.split(cv2.absdiff(picture, puzzle))
    changed = (cv2.max(cv2.max(r, g), b) > CHANGED_LEVEL) & ~ignore
    sizes, hidden, moved = (
        np.bincount(labels, minlength=num_elements)[:num_elements]
        for labels in (elements.ravel(), elements[ignore], elements[changed])
    )
    seen = sizes - hidden
    return np.where(seen >= MIN_JUDGED_SHARE * sizes, moved / np.maximum(seen, 1), 0.0)


def psnr(picture: Array, reference: Array) -> float:
    """Peak signal-to-noise ratio in dB of two RGB pictures of one size; 100 when equal."""
    error = float(np.mean(np.square(picture.astype(np.float32) - reference)))
    return MAX_PSNR_DB if error == 0 else min(MAX_PSNR_DB, 10 * math.log10(255**2 / error))


def _fits(size: tuple[int, int], target: tuple[int, int]) -> list[tuple[int, int]]:
    """Sizes (height, width) at which the picture may show the puzzle, each once."""
    scales = target[0] / size[0], target[1] / size[1]
    even = [
        (round(size[0] * scale), round(size[1] * scale)) for scale in (max(scales), min(scales))
    ]
    limit = MAX_FIT_AREA * target[0] * target[1]
    return [
        target,
        *(fit for fit in dict.fromkeys(even) if fit != target and 0 < fit[0] * fit[1] <= limit),
    ]


def _place(
    picture: Array,
    puzzle: Array,
    size: tuple[int, int],
    same_aspect: bool,
    where: Mask | None,
    sure_score: float,
) -> Alignment:
    height, width = size
    top, left = (puzzle.shape[0] - height) // 2, (puzzle.shape[1] - width) // 2
    centred = Alignment(height, width, top, left, 0.0, same_aspect)
    # Red on white hardly shows in the red channel, so scenes are compared there.
    scene, reference = centred.warp(picture, puzzle)[..., 0], puzzle[..., 0]
    score = _correlation(scene, reference, where)
    down, right = 0, 0
    if score < sure_score:
        score, down, right = max((score, 0, 0), _shift(scene, reference, where))
    return Alignment(height, width, top + down, left + right, score, same_aspect)


def _shift(scene: Array, reference: Array, where: Mask | None) -> tuple[float, int, int]:
    """The best correlation and the shift (down, right) of `scene` that gives it."""
    reach_y, reach_x = (max(1, round(MAX_SHIFT * side)) for side in reference.shape)
    middle = np.ascontiguousarray(scene[reach_y:-reach_y, reach_x:-reach_x])
    _, _, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(reference, middle, cv2.TM_CCOEFF_NORMED))
    # Not the score of matchTemplate, which can be 1 for a picture of one colour.
    window = slice(y, y + middle.shape[0]), slice(x, x + middle.shape[1])
    inside = None if where is None else np.ascontiguousarray(where[window])
    return _correlation(middle, reference[window], inside), y - reach_y, x - reach_x


def _correlation(a: Array, b: Array, where: Mask | None) -> float:
    if where is not None:
        a, b = a[where], b[where]
    x, y = a.astype(np.float32), b.astype(np.float32)
    x -= x.mean()
    y -= y.mean()
    norm = math.sqrt(float(np.vdot(x, x)) * float(np.vdot(y, y)))
    return float(np.vdot(x, y)) / norm if norm else 0.0


def _resize(picture: Array, height: int, width: int) -> Array:
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def _square(radius_px: int) -> Array:
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)
