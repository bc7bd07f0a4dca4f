"""The content of an eyeballing puzzle as bytes, and that of its turned and mirrored images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vtb.core.types import Json

from .config import REFERENCE_PX

UNITS_PER_PX = 16


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
    for axes in ((0, 1), (1, 0)):
        turned, far = places[:, axes], size[[*axes]]
        for mirrored in ((0, 0), (1, 0), (0, 1), (1, 1)):
            image = np.where(mirrored, far - turned, turned).astype("<i4")
            yield head + far.tobytes() + image.tobytes() + sizes


def _collect(value: Any, points: list[Sequence[float]], lengths: list[float]) -> None:
    """Sorts the numbers of a stored figure into points and lengths, in order."""
    if isinstance(value, Mapping):
        for part in value.values():
            _collect(part, points, lengths)
    elif isinstance(value, Sequence):
        if len(value) == 2 and not isinstance(value[0], Sequence):
            points.append(value)
        else:
            for part in value:
                _collect(part, points, lengths)
    elif value is not None:
        lengths.append(value)
