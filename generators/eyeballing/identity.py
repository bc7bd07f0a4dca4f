"""The content of an eyeballing puzzle as bytes, and that of its turned and mirrored images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vtb.core.types import Json

from .config import REFERENCE_PX

UNITS_PER_PX = 16
# Of x, its mirror image, y and its mirror image: the coordinates of the eight images, the puzzle
# itself first; its sides are exchanged in the last four.
IMAGES = ((0, 2), (1, 2), (0, 3), (1, 3), (2, 0), (3, 0), (2, 1), (3, 1))


def dihedral_identities(data: Mapping[str, Json]) -> Iterator[bytes]:
    """The eight images of the puzzle, its own first; coordinates in 1/16 px on a canvas of 512."""
    points: list[Sequence[float]] = [[c["x"], c["y"]] for c in data["candidates"]]
    lengths: list[float] = []
    _collect(data["figure"], points, lengths)
    scale = UNITS_PER_PX * REFERENCE_PX / min(data["canvas"])
    places = np.rint(np.asarray(points, np.float64) * scale).astype("<i4")
    size = np.rint(np.asarray(data["canvas"], np.float64) * scale).astype("<i4")
    sizes = np.rint(np.asarray(lengths, np.float64) * scale).astype("<i4").tobytes()
    labels = "".join(c["label"] for c in data["candidates"])
    head = f"{labels}/{data['answer']}/".encode()
    (x, y), (width, height) = places.T, size
    images = np.stack((x, width - x, y, height - y), axis=1)[:, IMAGES].swapaxes(0, 1)
    for number, image in enumerate(images):
        far = size if number < len(IMAGES) / 2 else size[::-1]
        yield head + far.tobytes() + image.tobytes() + sizes


def _collect(value: Any, points: list[Sequence[float]], lengths: list[float]) -> None:
    """Sorts the numbers of a stored figure into points and lengths, in order."""
    if isinstance(value, dict):
        for part in value.values():
            _collect(part, points, lengths)
    elif isinstance(value, (list, tuple)):
        if len(value) == 2 and not isinstance(value[0], (list, tuple)):
            points.append(value)
        else:
            for part in value:
                _collect(part, points, lengths)
    elif value is not None:
        lengths.append(value)
