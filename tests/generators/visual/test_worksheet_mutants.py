"""Every listed fault put into the verifiers of worksheets lets a lie pass or a truth fail."""

from functools import cache

import cv2
import numpy as np
import pytest

from generators.visual import (
    cells,
    circle_page,
    digits,
    jigsaw_page,
    worksheet_check,
    worksheet_page,
)
from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media.canvas import Canvas
from vtb.media.compare import Alignment

PLAN = FramePlan.of(17, 16)


def blurred_half(picture):
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), 0.7)


def dimmed(picture):
    return (picture * 0.95 + 3).astype(np.uint8)


def speckled(picture):
    """With a speck in its margin."""
    copy = picture.copy()
    copy[1:4, 1:4] = 0
    return copy


def painted(picture, place, colour):
    copy = picture.copy()
    place.fill(copy, colour)
    return copy


def sudoku_extras(page, solution):
    """Specks beside digits are no harm; a digit over another and a missing line are."""
    dusty, crowded, unruled = solution.copy(), solution.copy(), solution.copy()
    for place, value in zip(page.places, page.wanted, strict=True):
        dusty[place.top + 4 : place.top + 7, place.left + 4 : place.left + 7] = 40
        if value > 2:
            size = 0.62 * page.cells.cell
            Canvas(crowded).text(place.centre, str(value - 1), size, (28, 92, 204))
    line, left = page.cells.top + page.cells.cell, page.cells.left
    unruled[line - 4 : line + 5, left + 8 : left + 4 * page.cells.cell - 8] = 255
    return [dusty], [crowded, unruled]


def jigsaw_extras(page, solution):
    """Tiles may stay in the tray; the dullest one must not be replaced by its mean colour."""
    kept, flat = solution.copy(), solution.copy()
    for slot in page.slots:
        kept[slot.window] = page.puzzle[slot.window]
    dull = min(page.places, key=lambda place: solution[place.window].std(axis=(0, 1)).mean())
    flat[dull.window] = np.median(flat[dull.window], axis=(0, 1))
    return [kept], [flat]


def mirror_extras(page, solution):
    """A colour halfway between two paints is none."""
    yellow, orange = np.array(page.palette[4]), np.array(page.palette[6])
    between = (0.55 * yellow + 0.45 * orange).round().astype(int).tolist()
    places = [p for p, value in zip(page.places, page.wanted, strict=True) if value == 4]
    return [], [painted(solution, place, between) for place in places]


def circle_extras(page, solution):
    """A red outline is enough, a red dot is not."""
    outlined, dotted = page.puzzle.copy(), page.puzzle.copy()
    box = page.boxes[page.wanted[0] - 1]
    corner, opposite = (box.left, box.top), (box.right - 1, box.bottom - 1)
    cv2.rectangle(outlined, corner, opposite, (200, 20, 20), 4)
    cv2.circle(dotted, (box.left + 8, box.top + 8), 5, (200, 20, 20), -1)
    return [outlined], [dotted]


EXTRAS = {
    "sudoku": sudoku_extras,
    "jigsaw": jigsaw_extras,
    "mirror": mirror_extras,
    "circle-count": circle_extras,
}


@cache
def cases(name):
    """Pictures of two puzzles, whether they must pass, and the reason of their verdicts."""
    task = registry.load(f"visual-{name}")
    style, config = task.Style(), task.Config(canvas=(256, 256))
    found = []
    for index in range(2):
        instance = Sampler(task, config, style, 1).draw(index, 0)
        page = task.page(instance, style)
        solution = page.filled(page.wanted)
        sample = Sample(name, instance, {}, task.answer(instance), page.puzzle, solution)
        moved = np.roll(solution, (4, -4), (0, 1))
        harmed = [blurred_half(solution), moved, dimmed(solution), speckled(solution)]
        wrong = [p.content for _, p in task.corruptions(sample) if p.kind == "image"]
        right, lies = EXTRAS.get(name, lambda *_: ([], []))(page, solution)
        for passes, pictures in ((True, [*harmed, *right]), (False, [*wrong, *lies])):
            for picture in pictures:
                prediction = Prediction("m", "image", content=np.ascontiguousarray(picture))
                reason = task.check(sample, prediction).reason
                found.append((sample, prediction, passes, reason))
    return task, found


def is_sound(name):
    """Whether truths pass, lies fail, and each verdict has the reason it has without a fault."""
    task, found = cases(name)
    for sample, prediction, passes, reason in found:
        verdict = task.check(sample, prediction)
        if (verdict.passed, verdict.reason) != (passes, reason):
            return False
        if not passes and verdict.score > 0.5:
            return False
    return True


@pytest.mark.parametrize("name", ["sudoku", "jigsaw", "mirror", "rects", "circle-count"])
def test_the_verifier_itself_is_sound(name):
    assert is_sound(name)


MUTANTS = {
    "scene not compared": ("rects", worksheet_page, "MOVED_LEVEL", 256),
    "scene compared too finely": ("rects", worksheet_page, "MOVED_LEVEL", 8),
    "every speck changes the scene": ("jigsaw", worksheet_page, "MIN_CHANGE", 0.0),
    "only large changes count": ("circle-count", worksheet_page, "MIN_CHANGE", 0.2),
    "thin lines drown": ("sudoku", worksheet_page, "SMOOTH_PX", 31),
    "unfinished is finished": ("mirror", worksheet_check, "PARTIAL", 1.0),
    "half a colour is a colour": ("mirror", cells, "MAX_DISTANCE_RATIO", 1.5),
    "no colour is near enough": ("mirror", cells, "MAX_DISTANCE", 1),
    "no cell is even enough": ("mirror", cells, "MAX_SPREAD", 0.01),
    "lines are read with the cells": ("mirror", cells, "RIM", -0.2),
    "pale digits count": ("sudoku", digits, "MIN_CONTRAST", 20),
    "no digit is dark enough": ("sudoku", digits, "MIN_CONTRAST", 250),
    "any two digits are one": ("sudoku", digits, "MIN_MARGIN", -9),
    "digits must agree wholly": ("sudoku", digits, "MIN_AGREEMENT", 0.999),
    "dust belongs to digits": ("sudoku", digits, "MIN_SPECK", 0.0),
    "faint marks count": ("circle-count", circle_page, "MIN_MARK", 0.03),
    "every warm white is a mark": ("circle-count", circle_page, "FILL_GAIN", 2),
    "outlines do not count": ("circle-count", circle_page, "OUTLINE_GAIN", 255),
    "the best of two marks wins": ("circle-count", circle_page, "AMBIGUOUS_SHARE", 1.01),
    "any tile will do": ("jigsaw", jigsaw_page, "MAX_ERROR", 1.0),
    "tiles must be exact": ("jigsaw", jigsaw_page, "MAX_ERROR", 0.001),
    "flat tiles count": ("jigsaw", jigsaw_page, "MIN_AGREEMENT", -1.0),
    "nothing is empty": ("jigsaw", jigsaw_page, "MAX_EMPTY_ERROR", 0.3),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutants_are_killed(mutant, monkeypatch):
    name, module, constant, value = MUTANTS[mutant]
    assert getattr(module, constant) != value
    assert is_sound(name)
    monkeypatch.setattr(module, constant, value)
    assert not is_sound(name)


def test_mutants_of_methods_are_killed(monkeypatch):
    whole = worksheet_page.Page.fixed
    mutants = [
        ("circle-count", circle_page.CirclePage, "is_changed", lambda *_: False),
        ("sudoku", worksheet_page.Page, "is_changed", lambda *_: False),
        ("jigsaw", jigsaw_page.JigsawPage, "is_changed", worksheet_page.Page.is_changed),
        ("jigsaw", jigsaw_page.JigsawPage, "fixed", whole),
        (
            "mirror",
            Alignment,
            "warp",
            lambda _self, picture, puzzle: cv2.resize(picture, puzzle.shape[1::-1]),
        ),
    ]
    for name, owner, method, stand_in in mutants:
        cases(name)
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, stand_in)
            assert not is_sound(name), (name, method)
