"""Answers to a worksheet that must fail, and a baseline that looks at nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from vtb.core.answers import wrap
from vtb.core.rng import stream
from vtb.core.types import Array, Prediction, Sample
from vtb.media.wrong_clips import still_clip, wrong_clips

from .worksheet_page import EMPTY, Page

if TYPE_CHECKING:
    from .worksheet import Worksheet

RED = (220, 30, 30)


def corruptions(sheet: Worksheet[Any], sample: Sample) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its pictures, wrong pictures and clips."""
    page = sheet.page(sample.instance, sheet.Style.model_validate(sample.instance.style))
    for name, text in _texts(sheet, page, sample):
        yield name, Prediction(sample.id, "text", text=text)
    if sample.puzzle is None or sample.solution is None:
        return
    for name, picture in _pictures(page, sample.puzzle, sample.solution):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in wrong_clips(sample.puzzle, sample.solution):
        yield name, Prediction(sample.id, "video", content=clip)
    wrong = page.filled(next(page.wrong())[1])
    clip = still_clip([sample.puzzle, *[wrong] * 4])
    yield "video_wrong", Prediction(sample.id, "video", content=clip)


def baseline(sheet: Worksheet[Any], name: str, sample: Sample, seed: int) -> Prediction | None:
    """`random` fills every place with a value drawn uniformly; None for another name."""
    if name != "random":
        return None
    page = sheet.page(sample.instance, sheet.Style.model_validate(sample.instance.style))
    values = page.guess(stream("worksheet-random", sample.instance.fingerprint, seed))
    return Prediction(sample.id, "image", content=page.filled(values), model=name, seed=seed)


def _texts(sheet: Worksheet[Any], page: Page, sample: Sample) -> Iterator[tuple[str, str]]:
    right = sample.answer
    wrong = {
        name: sheet.answer_of(sheet.solution_of(sample.instance, values))
        for name, values in page.wrong()
    }
    for name, text in wrong.items():
        yield f"text_{name}", wrap(text)
    first = next(iter(wrong.values()))
    yield "text_nothing", wrap("")
    yield "text_two", wrap(f"{right} or {first}")
    yield "text_changed_mind", f"{wrap(right)} No: {wrap(first)}"
    yield "text_bare", f"The answer is {right}."
    yield "text_unclosed", f"<answer>{right}"


def _pictures(page: Page, puzzle: Array, solution: Array) -> Iterator[tuple[str, Array]]:
    yield "unsolved", puzzle
    yield "blank", np.full_like(puzzle, 255)
    yield "all_red", np.full_like(puzzle, RED)
    yield from _floods(page, puzzle)
    to_fill = [place for place, value in enumerate(page.wanted) if value != EMPTY]
    if len(to_fill) > 1:
        yield "half_done", _partly_filled(page, to_fill[: len(to_fill) // 2])
        yield "one_missing", _partly_filled(page, to_fill[:-1])
    for name, values in page.wrong():
        yield name, page.filled(values)
    fixed = page.fixed()
    yield "erased_scene", np.where(fixed[..., None], np.uint8(255), solution)
    yield from page.spoiled(solution)


def _partly_filled(page: Page, kept: Collection[int]) -> Array:
    """The solution of some places, by number."""
    return page.filled(
        [value if place in kept else EMPTY for place, value in enumerate(page.wanted)]
    )


def _floods(page: Page, puzzle: Array) -> Iterator[tuple[str, Array]]:
    """Every place in one colour: red, and the ink of the scene."""
    for name, colour in (("flooded_red", RED), ("flooded_black", (0, 0, 0))):
        picture = puzzle.copy()
        for place in page.places:
            place.fill(picture, colour)
        yield name, picture
