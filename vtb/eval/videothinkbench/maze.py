"""VideoThinkBench's rule for mazes: red joins both ends and touches no wall.

Constants are those of its published evaluator. Lengths are px of the judged picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np

from vtb.core.types import Array, Reason, Verdict
from vtb.media.compare import Labels, Mask

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

MIN_RED = 150
MAX_WALL_LEVEL = 40
MIN_RADIUS_PX = 4
# By the field that tells the size of a cell: the share of it that an end reaches, and by how much
# red must exceed the other channels.
FAMILIES = {"cell_size": (0.45, 80), "cell_radius": (0.8, 75), "ring_width": (0.6, 75)}


def check_path(picture: Array, puzzle: Array, fields: Mapping[str, Any]) -> Verdict:
    """The verdict on a picture (RGB uint8 (H, W, 3), any size) by the fields of `data.json`."""
    size_field = next(name for name in FAMILIES if name in fields)
    share, min_redness = FAMILIES[size_field]
    reds = _red(picture, min_redness)
    if not reds.any():
        return Verdict(0.0, False, Reason.NO_ANSWER, {"red_px": 0})
    height, width = picture.shape[:2]
    scale = (width / puzzle.shape[1], height / puzzle.shape[0])
    # Unlike the plain method, this one takes the pixel under the centre, as Pillow does.
    resized = cv2.resize(puzzle, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    shown = np.asarray(resized, np.uint8)
    ends = [_scaled(fields[name], scale) for name in ("start_point", "goal_point")]
    reach = max(MIN_RADIUS_PX, round(share * float(fields[size_field])))
    radius = max(MIN_RADIUS_PX, round(reach * min(scale)))
    walls = np.asarray(shown.max(axis=2) <= MAX_WALL_LEVEL, np.bool_)
    _relieve_discs(walls, ends, radius)
    for box, margin in _relieved_boxes(_red(shown, min_redness), ends, radius, fields, scale):
        _relieve_box(walls, box, margin)
    return _verdict(reds, walls, ends, radius)


def _verdict(reds: Mask, walls: Mask, ends: Sequence[Point], radius: int) -> Verdict:
    details = {"red_px": int(reds.sum()), "wall_px": int((reds & walls).sum())}
    seeds = [_nearest(reds, end, radius) for end in ends]
    parts = _parts(reds)
    reason = Reason.OK
    if details["wall_px"]:
        reason = Reason.TOUCHES_WALL
    elif None in seeds or len({int(parts[seed]) for seed in seeds if seed}) > 1:
        reason = Reason.DISCONNECTED
    return Verdict(float(reason is Reason.OK), reason is Reason.OK, reason, details)


def _red(picture: Array, min_redness: int) -> Mask:
    r, g, b = cv2.split(picture)
    return (r >= MIN_RED) & (cv2.subtract(r, cv2.max(g, b)) >= min_redness)


def _parts(mask: Mask) -> Labels:
    """The component (4-connected) of each pixel, 0 outside of the mask."""
    return np.asarray(cv2.connectedComponents(mask.view(np.uint8), connectivity=4)[1], np.int32)


def _nearest(mask: Mask, point: Point, radius: int) -> tuple[int, int] | None:
    """A pixel (y, x) of the mask in the smallest square around the point; None beyond `radius`."""
    height, width = mask.shape
    x, y = min(max(round(point[0]), 0), width - 1), min(max(round(point[1]), 0), height - 1)
    ys, xs = np.nonzero(mask)
    far = np.maximum(abs(ys - y), abs(xs - x))
    if not far.size or far.min() > radius:
        return None
    nearest = int(far.argmin())
    return int(ys[nearest]), int(xs[nearest])


def _relieved_boxes(
    markers: Mask,
    ends: Sequence[Point],
    radius: int,
    fields: Mapping[str, Any],
    scale: tuple[float, float],
) -> Iterator[tuple[Box, int]]:
    """Where walls do not count, with a margin: the puzzle's own red ends, and their cells."""
    parts = _parts(markers)
    padding = _within(2, radius / 2, 8)
    for end in ends:
        seed = _nearest(markers, end, 2 * radius)
        if seed is not None:
            ys, xs = np.nonzero(parts == parts[seed])
            box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            yield _grown(box, padding), _within(1, radius / 4, 4)
    for row, col in (fields[name] for name in ("start", "goal") if "cell_bboxes" in fields):
        left, top, right, bottom = fields["cell_bboxes"][row][col]
        box = (*_scaled((left, top), scale), *_scaled((right, bottom), scale))
        yield box, _within(2, radius / 2, 6)


def _relieve_discs(walls: Mask, ends: Sequence[Point], radius: int) -> None:
    height, width = walls.shape
    ys, xs = np.ogrid[:height, :width]
    for x, y in ends:
        walls[(xs - x) ** 2 + (ys - y) ** 2 <= radius**2] = False


def _relieve_box(walls: Mask, box: Box, margin: int) -> None:
    left, top, right, bottom = _grown(box, margin)
    rows = slice(max(0, math.floor(top)), max(0, math.ceil(bottom)))
    columns = slice(max(0, math.floor(left)), max(0, math.ceil(right)))
    walls[rows, columns] = False


def _grown(box: Box, margin: int) -> Box:
    left, top, right, bottom = box
    return left - margin, top - margin, right + margin, bottom + margin


def _scaled(point: Sequence[float], scale: tuple[float, float]) -> Point:
    return point[0] * scale[0], point[1] * scale[1]


def _within(low: int, value: float, high: int) -> int:
    return max(low, min(high, round(value)))
