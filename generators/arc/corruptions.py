"""Answers to an ARC puzzle that must fail, and a baseline that looks at nothing but the input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from vtb.core.answers import wrap
from vtb.core.rng import stream
from vtb.core.types import Array, Prediction, Sample
from vtb.media.wrong_clips import still_clip, wrong_clips

from .config import ArcStyle
from .drawing import EMPTY, Sheet
from .identity import Grid
from .placement import Box

NUM_COLOURS = 10
RED = 2


def corruptions(sample: Sample) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its pictures, wrong pictures and clips."""
    data = sample.instance.data
    wrong = dict(wrong_grids(data["test_output"], data["test_input"]))
    for name, text in _texts(sample.answer, data["test_output"], wrong):
        yield name, Prediction(sample.id, "text", text=text)
    if sample.puzzle is None or sample.solution is None:
        return
    easel = Easel.of(sample)
    for name, grid in wrong.items():
        yield name, Prediction(sample.id, "image", content=easel.filled(grid))
    for name, picture in _pictures(easel, sample.puzzle, sample.solution):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in wrong_clips(sample.puzzle, sample.solution):
        yield name, Prediction(sample.id, "video", content=clip)
    clip = still_clip([sample.puzzle, *[easel.filled(wrong["one_wrong"])] * 4])
    yield "video_wrong", Prediction(sample.id, "video", content=clip)


def baseline(name: str, sample: Sample, seed: int) -> Prediction | None:
    """`random` copies the input where the sizes agree, or draws colours; None for another name."""
    if name != "random":
        return None
    data = sample.instance.data
    given, wanted = np.asarray(data["test_input"]), np.asarray(data["test_output"])
    rng = stream("arc-random", sample.instance.fingerprint, seed)
    grid = [[rng.below(NUM_COLOURS) for _ in row] for row in wanted]
    if rng.below(2) and given.shape == wanted.shape:
        grid = data["test_input"]
    picture = Easel.of(sample).filled(grid)
    return Prediction(sample.id, "image", content=picture, model=name, seed=seed)


def wrong_grids(solution: Grid, given: Grid) -> Iterator[tuple[str, Grid]]:
    """Names and wrong answers of the solution's size; the first is always there."""
    right = np.asarray(solution)
    one = right.copy()
    one[-1, -1] = (one[-1, -1] + 1) % NUM_COLOURS
    half = right.copy()
    half.flat[right.size // 2 :] = EMPTY
    missing = right.copy()
    missing[0, 0] = EMPTY
    colour = RED if (right != RED).any() else RED + 1
    candidates = {
        "one_wrong": one,
        "one_missing": missing,
        "half_done": half,
        "one_colour": np.full_like(right, colour),
        "copied_input": np.asarray(given),
        "transposed": right.T,
        "mirrored": right[:, ::-1],
        "moved": np.roll(right, 1, axis=1),
        "recoloured": (right + 1) % NUM_COLOURS,
    }
    for name, grid in candidates.items():
        blank = (grid == EMPTY).all()
        if grid.shape == right.shape and (grid != right).any() and not blank:
            yield name, grid.tolist()


@dataclass(frozen=True, slots=True)
class Easel:
    """A sample's sheet in its stored style."""

    sheet: Sheet
    style: ArcStyle

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """The easel of a sample."""
        style = ArcStyle.model_validate(sample.instance.style)
        return cls(Sheet.of(sample.instance.data, style), style)

    def filled(self, grid: Grid) -> Array:
        """The puzzle with an answer, RGB uint8 (H, W, 3)."""
        return self.sheet.filled(grid).rgb()

    def erased(self, picture: Array, *boxes: Box) -> Array:
        """A copy with background in some boxes."""
        picture = picture.copy()
        for box in boxes:
            picture[box.window] = self.style.background
        return picture

    def recoloured(self, picture: Array, place: int) -> Array:
        """A copy in which the last cell of a grid shows another colour of the palette."""
        layout, picture = self.sheet.layout, picture.copy()
        placement = layout.placements[place]
        box = layout.box(placement, placement.rows - 1, placement.cols - 1)
        left, top, right, bottom = box
        before = picture[(top + bottom) // 2, (left + right) // 2]
        number = int(np.abs(np.asarray(self.style.palette) - before).sum(axis=1).argmin())
        picture[box.window] = self.style.palette[(number + 1) % NUM_COLOURS]
        return picture


def _texts(right: str, solution: Grid, wrong_grids: dict[str, Grid]) -> Iterator[tuple[str, str]]:
    wrong = json.dumps(wrong_grids["one_wrong"])
    yield "text_nothing", wrap("")
    yield "text_wrong_cell", wrap(wrong)
    yield "text_wrong_size", wrap(json.dumps([*solution, solution[-1]]))
    yield "text_ragged", wrap(json.dumps([*solution, [*solution[-1], 0]]))
    yield "text_two", wrap(f"{right} or {wrong}")
    yield "text_changed_mind", f"{wrap(right)} No: {wrap(wrong)}"
    yield "text_bare", f"The answer is {right}."
    yield "text_unclosed", f"<answer>{right}"
    yield "text_prose", wrap("every cell of the input turns to the colour of its neighbour")
    if wrong_grids.get("copied_input"):
        yield "text_copied_input", wrap(json.dumps(wrong_grids["copied_input"]))


def _pictures(easel: Easel, puzzle: Array, solution: Array) -> Iterator[tuple[str, Array]]:
    layout = easel.sheet.layout
    boxes = [placement.bbox.grown(2) for placement in layout.placements]
    whole = Box(0, 0, layout.width, layout.height)
    alone = easel.erased(solution, whole)
    alone[boxes[-1].window] = solution[boxes[-1].window]
    yield "unsolved", puzzle
    yield "blank", easel.erased(puzzle, whole)
    yield "all_red", np.full_like(puzzle, easel.style.palette[RED])
    yield "erased_answer", easel.erased(puzzle, boxes[-1])
    yield "erased_scene", alone
    yield "erased_pair", easel.erased(solution, boxes[0], boxes[1], layout.arrows[0])
    yield "erased_arrow", easel.erased(solution, layout.arrows[-1])
    yield "erased_input", easel.erased(solution, boxes[-2])
    yield "recoloured_pair", easel.recoloured(solution, 1)
    yield "recoloured_input", easel.recoloured(solution, len(boxes) - 2)
