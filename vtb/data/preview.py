"""The contact sheet of a dataset: sixteen puzzles beside their solutions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vtb.core.files import atomic_write
from vtb.core.types import Array, Picture
from vtb.data.shards import Shard
from vtb.data.store import Dataset

SAMPLES = 16
TILE_PX = 192
GAP_PX = 4


def write_preview(out: Path, shards: Sequence[Shard]) -> Path:
    """Writes `preview.png` from the samples with the lowest plan indices."""
    from vtb.media.image import contact_sheet, decode_image, encode_png

    first = min(shard.first for shard in shards)
    earliest = tuple(shard for shard in shards if shard.first == first)
    columns = ["index", "image", "solution"]
    rows = [
        row
        for shard in earliest
        for row in Dataset(out, (shard,)).rows(columns=columns, limit=SAMPLES)
    ]
    rows.sort(key=lambda row: row["index"])
    tiles = [
        pair(*(decode_image(row[name]["bytes"]) for name in ("image", "solution")))
        for row in rows[:SAMPLES]
    ]
    path = out / "preview.png"
    atomic_write(path, encode_png(Picture(contact_sheet(tiles, columns=4))))
    return path


def pair(puzzle: Array, solution: Array) -> Array:
    """Puzzle and solution (RGB) side by side, each with 192 px on its longer side."""
    left, right = _tile(puzzle), _tile(solution)
    gap = np.full((left.shape[0], GAP_PX, 3), 255, np.uint8)
    return np.hstack([left, gap, right])


def _tile(image: Array) -> Array:
    import cv2

    scale = TILE_PX / max(image.shape[:2])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
