"""The answers that puzzles offer, as arrays: all that a shortcut may look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vtb.core import registry
from vtb.core.types import Option
from vtb.data.rows import Row, instance_from_json
from vtb.data.store import Dataset
from vtb.run.progress import progress

Floats: TypeAlias = NDArray[np.float64]

# Brightness and ink are measured on every so many-th row and column: exact enough, and cheap.
STEP_PX = 4


@dataclass(frozen=True, slots=True)
class Offers:
    """n puzzles of one task with k > 1 options each, in stored order.

    `labels` is (n, k) text, `points` (n, k, 2) px (x, y) or None where options have no markers,
    `right` (n,) the place of the right option. `half` (n,) deals puzzles, together with their
    symmetric variants, to two halves. Of the puzzle's picture: `png_bytes` (n,), mean
    `brightness` (n,) of 0 to 255, `centre` (n, 2) px, and `ink` (n, 2) px, the centroid of what
    differs from the background.
    """

    labels: NDArray[np.str_]
    points: Floats | None
    right: NDArray[np.intp]
    half: NDArray[np.bool_]
    png_bytes: Floats
    brightness: Floats
    centre: Floats
    ink: Floats


class Offered(NamedTuple):
    """What one task offers, by number and kind of options.

    `strays` counts the samples whose answer is not among their options.
    """

    groups: Sequence[Offers]
    strays: int


class _Picture(NamedTuple):
    png_bytes: int
    brightness: float
    centre: tuple[float, float]
    ink: tuple[float, float]


class _Offer(NamedTuple):
    options: Sequence[Option]
    right: int
    half: bool
    picture: _Picture


class _Form(NamedTuple):
    task: str
    num_options: int
    has_markers: bool


def gather(dataset: Dataset) -> dict[str, Offered]:
    """The options of every task whose puzzles offer some."""
    forms: dict[_Form, list[_Offer]] = {}
    strays: Counter[str] = Counter()
    rows = dataset.rows(columns=["task", "answer", "instance", "image"])
    with progress("reading options", dataset.count()) as advance:
        for row in rows:
            _sort_in(row, forms, strays)
            advance(1)
    groups: dict[str, list[Offers]] = {task: [] for task in strays}
    for form, offers in forms.items():
        groups.setdefault(form.task, []).append(_stacked(form, offers))
    return {task: Offered(groups[task], strays[task]) for task in sorted(groups)}


def _sort_in(row: Row, forms: dict[_Form, list[_Offer]], strays: Counter[str]) -> None:
    instance = instance_from_json(row["instance"])
    options = registry.load(instance.generator).options(instance)
    if len(options) < 2:
        return
    labels = [option.label for option in options]
    if row["answer"] not in labels:
        strays[row["task"]] += 1
        return
    form = _Form(row["task"], len(options), all(option.x is not None for option in options))
    # By content, so that a puzzle and its variants never teach how to guess each other.
    half = int(instance.canonical, 16) % 2 == 1
    offer = _Offer(options, labels.index(row["answer"]), half, _picture(row["image"]["bytes"]))
    forms.setdefault(form, []).append(offer)


def _picture(png: bytes) -> _Picture:
    from vtb.media.image import decode_image

    pixels = decode_image(png)
    height, width = pixels.shape[:2]
    grey = pixels[::STEP_PX, ::STEP_PX].mean(axis=2)
    ink = np.abs(grey - np.median(grey))
    centre = (width / 2, height / 2)
    total = ink.sum()
    if total == 0:
        return _Picture(len(png), float(grey.mean()), centre, centre)
    y, x = (STEP_PX * np.arange(side) + 0.5 for side in grey.shape)
    centroid = (float(ink.sum(axis=0) @ x / total), float(ink.sum(axis=1) @ y / total))
    return _Picture(len(png), float(grey.mean()), centre, centroid)


def _stacked(form: _Form, offers: Sequence[_Offer]) -> Offers:
    pictures = [offer.picture for offer in offers]
    points: Any = [[(option.x, option.y) for option in offer.options] for offer in offers]
    return Offers(
        labels=np.array([[option.label for option in offer.options] for offer in offers]),
        points=np.array(points, float) if form.has_markers else None,
        right=np.array([offer.right for offer in offers]),
        half=np.array([offer.half for offer in offers]),
        png_bytes=np.array([picture.png_bytes for picture in pictures], float),
        brightness=np.array([picture.brightness for picture in pictures]),
        centre=np.array([picture.centre for picture in pictures]),
        ink=np.array([picture.ink for picture in pictures]),
    )
