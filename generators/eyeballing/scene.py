"""What a picture must leave as it was in the puzzle: given strokes, markers, empty paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vtb.core.config import MULTIPLE_PX
from vtb.core.types import Array, Json
from vtb.media.compare import Mask, grow, red

from .config import REFERENCE_PX

# A stroke may move or blur by this much, px on a canvas of 512, at least 1.
TOLERANCE_PX = 2
# Ink is what is darker than halfway between paper and ink; what keeps 30 % of the contrast may
# still be ink that blurred.
INK_LEVEL = 0.5
FAINT_LEVEL = 0.3
# Of the ink of a tile, of a marker and of all: less is erased.
MIN_TILE_RECALL = 0.5
MIN_MARKER_RECALL = 0.5
MIN_RECALL = 0.9
# A tile with less ink than this, of its pixels, is judged with the whole only.
MIN_TILE_INK = 0.02
# Of the canvas: a construction is thin, and nothing but a marker is red.
MAX_NEW_INK = 0.15
MAX_RED_OUTSIDE = 0.015
# Of the given ink away from markers.
MAX_RECOLOURED = 0.25
# A marker's highlight may reach this far beyond its radius, in radii.
HALO = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The puzzle as masks (H, W) over its pixels.

    `ink` is what is drawn, `near` the ink and its surroundings, `discs` the markers with the room
    for their highlight. `paper` and `contrast` are the background's brightness in its darkest
    channel and how much darker ink is.
    """

    ink: Mask
    near: Mask
    discs: Mask
    markers: Mapping[str, complex]
    radius: float
    scale: float
    paper: int
    contrast: int

    @property
    def tolerance(self) -> int:
        """Whole px by which ink may be displaced."""
        return max(1, round(TOLERANCE_PX * self.scale))

    @property
    def ink_level(self) -> float:
        """The brightness halfway between paper and ink."""
        return self.paper - INK_LEVEL * self.contrast

    def darker(self, picture: Array, level: float) -> Mask:
        """Where a picture is darker than paper by `level` of the contrast, in any channel."""
        return darkest_channel(picture) < self.paper - level * self.contrast


def read_scene(puzzle: Array, data: Mapping[str, Json]) -> Scene:
    """The scene of a puzzle's picture; its top left pixel is paper."""
    dark = darkest_channel(puzzle)
    paper = int(dark[0, 0])
    contrast = max(1, paper - int(dark.min()))
    ink = dark < paper - INK_LEVEL * contrast
    scale = min(puzzle.shape[:2]) / REFERENCE_PX
    markers = {c["label"]: complex(c["x"], c["y"]) for c in data["candidates"]}
    radius = float(data["point_radius"])
    discs = np.zeros(puzzle.shape[:2], np.uint8)
    for place in markers.values():
        centre = (int(place.real), int(place.imag))
        cv2.circle(discs, centre, round((1 + HALO) * radius), 1, -1)
    near = grow(ink, max(2, round(3 * scale)))
    return Scene(ink, near, discs.view(np.bool_), markers, radius, scale, paper, contrast)


def scene_measures(scene: Scene, picture: Array) -> dict[str, float]:
    """How much of the scene is left and what was added, as shares."""
    faint = scene.darker(picture, FAINT_LEVEL)
    lost = scene.ink & ~grow(faint, scene.tolerance)
    ink, gone = _tiles(scene.ink), _tiles(lost)
    judged = ink >= MIN_TILE_INK * MULTIPLE_PX**2
    worst = 1 - float((gone[judged] / ink[judged]).max()) if judged.any() else 1.0
    reds = red(picture)
    strokes = scene.ink & ~scene.discs
    return {
        "ink_recall": 1 - float(lost.sum() / max(1, scene.ink.sum())),
        "worst_tile": worst,
        "worst_marker": min(_kept(scene, lost, place) for place in scene.markers.values()),
        "new_ink": float((faint & ~scene.near).mean()),
        "red_outside": float((reds & ~scene.discs).mean()),
        "recoloured": float((reds & strokes).sum() / max(1, strokes.sum())),
    }


def is_changed(measures: Mapping[str, float]) -> bool:
    """Whether the scene is no longer the puzzle's."""
    return (
        measures["ink_recall"] < MIN_RECALL
        or measures["worst_tile"] < MIN_TILE_RECALL
        or measures["worst_marker"] < MIN_MARKER_RECALL
        or measures["new_ink"] > MAX_NEW_INK
        or measures["red_outside"] > MAX_RED_OUTSIDE
        or measures["recoloured"] > MAX_RECOLOURED
    )


def darkest_channel(picture: Array) -> Array:
    """The smallest of R, G and B of each pixel, uint8 (H, W)."""
    r, g, b = cv2.split(picture)
    return np.asarray(cv2.min(cv2.min(r, g), b), np.uint8)


def marker_window(place: complex, reach: float) -> tuple[slice, slice]:
    """Rows and columns within `reach` px of a marker's middle."""
    x, y = place.real, place.imag
    rows = slice(max(0, int(y - reach)), int(y + reach) + 1)
    return rows, slice(max(0, int(x - reach)), int(x + reach) + 1)


def _kept(scene: Scene, lost: Mask, place: complex) -> float:
    """The share of a marker's ink that is left."""
    window = marker_window(place, scene.radius)
    return 1 - float(lost[window].sum() / max(1, scene.ink[window].sum()))


def _tiles(mask: Mask) -> NDArray[np.int64]:
    """How many pixels of a mask lie in each tile of 32 x 32 px."""
    height, width = mask.shape
    high, wide = -(-height // MULTIPLE_PX), -(-width // MULTIPLE_PX)
    padded = np.pad(mask, ((0, high * MULTIPLE_PX - height), (0, wide * MULTIPLE_PX - width)))
    tiles = padded.reshape(high, MULTIPLE_PX, wide, MULTIPLE_PX)
    return tiles.sum(axis=(1, 3), dtype=np.int64)
