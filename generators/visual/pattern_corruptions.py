"""Answers to a pattern puzzle that must fail, and a baseline that looks at nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vtb.core.answers import wrap
from vtb.core.rng import stream
from vtb.core.types import Array, Prediction, Sample
from vtb.media.wrong_clips import still_clip, wrong_clips

from .box import Box
from .figures import INK, Disc, Path, Piece, bounds
from .palette import COLOURS
from .pattern_drawing import Easel
from .pattern_style import PatternStyle

if TYPE_CHECKING:
    from .pattern import PatternPuzzle

# Something that is in no pattern: a spot near the upper left corner.
SPOT = Disc(-0.46, -0.46, 0.03)
STRIPE_PX = 6


def corruptions(task: PatternPuzzle, sample: Sample) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its puzzle, wrong pictures and clips."""
    options, answer = sample.instance.data["options"], str(sample.instance.data["answer"])
    for name, text in _texts(options, answer):
        yield name, Prediction(sample.id, "text", text=text)
    if sample.puzzle is None:
        return
    easel = _easel(task, sample)
    solved = easel.filled(answer, sample.puzzle)
    for name, picture in _pictures(easel, sample.puzzle, solved):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in _clips(easel, sample.puzzle, solved):
        yield name, Prediction(sample.id, "video", content=clip)


def baseline(task: PatternPuzzle, name: str, sample: Sample, seed: int) -> Prediction | None:
    """`random` fills in an option drawn uniformly; None for another name or without a picture."""
    if name != "random" or sample.puzzle is None:
        return None
    easel = _easel(task, sample)
    rng = stream("pattern-random", sample.instance.fingerprint, seed)
    picture = easel.filled(rng.choice(easel.data["options"]), sample.puzzle)
    return Prediction(sample.id, "image", content=picture, model=name, seed=seed)


def _easel(task: PatternPuzzle, sample: Sample) -> Easel:
    style = PatternStyle.model_validate(sample.instance.style)
    return Easel.of(task, sample.instance.data, style)


def _texts(options: Sequence[str], answer: str) -> Iterator[tuple[str, str]]:
    wrong = options[options.index(answer) - 1]
    yield "text_nothing", wrap("")
    yield "text_wrong", wrap(wrong)
    yield "text_all", wrap(", ".join(options))
    yield "text_two", wrap(f"{answer} or {wrong}")
    yield "text_outside", wrap("pale grey")
    yield "text_prose", wrap(f"there is one that looks {answer} beside it")
    yield "text_changed_mind", f"{wrap(answer)} No: {wrap(wrong)}"
    yield "text_bare", f"The answer is {answer}."


def _pictures(easel: Easel, puzzle: Array, solved: Array) -> Iterator[tuple[str, Array]]:
    style = easel.style
    yield "unsolved", puzzle
    yield "blank", np.full_like(puzzle, style.background)
    yield "all_red", np.full_like(puzzle, style.red)
    yield "negative", 255 - solved
    yield from _wrong_fills(easel, puzzle, solved)
    yield from _scene_faults(easel)


def _wrong_fills(easel: Easel, puzzle: Array, solved: Array) -> Iterator[tuple[str, Array]]:
    options, answer = easel.data["options"], easel.data["answer"]
    for fill in (*options, *easel.task.rivals(easel.data)):
        if fill != answer:
            yield f"wrong_{fill.replace(' ', '_')}", easel.filled(fill, puzzle)
    patches = np.stack([easel.patch(option) for option in options])
    height, width = patches.shape[1:3]
    stripes = np.add.outer(np.arange(height), np.arange(width)) // STRIPE_PX % len(options)
    patchwork = np.take_along_axis(patches, stripes[None, ..., None], axis=0)[0]
    yield "all_options", _pasted(easel.box, patchwork, puzzle)
    yield "emptied", _pasted(easel.box, easel.bare_patch(), puzzle)
    changed = (solved != puzzle).any(axis=2, keepdims=True)
    yield "inked", np.where(changed, np.asarray(easel.style.ink, np.uint8), puzzle)
    yield "half_faded", _half_faded(puzzle, solved)
    middle = (easel.box.top + easel.box.bottom) // 2
    yield "half_done", np.concatenate([solved[:middle], puzzle[middle:]])


def _scene_faults(easel: Easel) -> Iterator[tuple[str, Array]]:
    pieces = easel.task.pieces(easel.data, easel.data["answer"])
    everywhere = Box(0, 0, *easel.size)
    smallest = min(filter(_is_visible, pieces), key=_area)
    other = COLOURS[COLOURS.index(smallest.colour.split(" ")[-1]) - 1]
    for name, changed in {
        "erased_scene": [piece for piece in pieces if piece.is_hidden],
        "erased_piece": [piece for piece in pieces if piece is not smallest],
        "recoloured_piece": [
            replace(piece, colour=other) if piece is smallest else piece for piece in pieces
        ],
        "added_spot": [*pieces, Piece(SPOT, INK)],
    }.items():
        yield name, easel.draw(changed, everywhere)


def _clips(easel: Easel, puzzle: Array, solved: Array) -> Iterator[tuple[str, bytes]]:
    yield from wrong_clips(puzzle, solved)
    options = easel.data["options"]
    wrong = options[options.index(easel.data["answer"]) - 1]
    filled = easel.filled(wrong, puzzle)
    yield "video_wrong", still_clip([puzzle, *[filled] * 4])
    half = _half_faded(puzzle, solved)
    yield "video_half_faded", still_clip([puzzle, puzzle, half, half, half])


def _half_faded(puzzle: Array, solved: Array) -> Array:
    return ((puzzle.astype(np.uint16) + solved) // 2).astype(np.uint8)


def _is_visible(piece: Piece) -> bool:
    """Whether a piece is one of the pattern's own, to be seen."""
    return piece.has_outline and not piece.is_hidden and not isinstance(piece.figure, Path)


def _area(piece: Piece) -> float:
    box = bounds([piece.figure])
    return (box.right - box.left) * (box.bottom - box.top)


def _pasted(box: Box, patch: Array, puzzle: Array) -> Array:
    picture = puzzle.copy()
    box.of(picture)[:] = patch
    return picture
