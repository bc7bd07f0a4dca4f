"""Counted circles: all different, all drawn, counts dealt evenly, and marks of many kinds."""

from itertools import combinations
from math import hypot

import cv2
import numpy as np
import pytest

from generators.visual.circle_count import CircleCount, parse_count
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample

TASK = CircleCount()


def draw(count, seed=0, **config):
    sampler = Sampler(TASK, TASK.Config(**config), TASK.Style(), seed)
    return [sampler.draw(index, 0) for index in range(count)]


@pytest.mark.parametrize("config", [{}, {"line_width": 6, "fewest": 10, "most": 12}])
def test_circles_are_inside_and_no_two_alike(config):
    for instance in draw(20, **config):
        circles, width = instance.data["circles"], instance.data["line_width"]
        assert instance.solution == str(len(circles))
        for x, y, radius in circles:
            assert min(x, y, 512 - x) - radius >= 16
            assert y + radius <= 400
        for (ax, ay, ar), (bx, by, br) in combinations(circles, 2):
            assert hypot(ax - bx, ay - by) >= 3 * width or abs(ar - br) >= 3 * width


def test_counts_are_dealt_evenly():
    counts = [instance.solution for instance in draw(50, seed=3)]
    for block in range(0, 50, 5):
        assert sorted(counts[block : block + 5], key=int) == ["6", "7", "8", "9", "10"]
    assert {i.solution for i in draw(4, fewest=3, most=4)} == {"3", "4"}


def test_every_circle_is_drawn_and_nothing_else():
    for instance in draw(5):
        puzzle = TASK.page(instance, TASK.Style()).puzzle[:410]
        y, x = np.mgrid[: puzzle.shape[0], : puzzle.shape[1]] + 0.5
        off = [abs(np.hypot(x - cx, y - cy) - r) for cx, cy, r in instance.data["circles"]]
        nearest = np.min(off, axis=0)
        assert (puzzle[nearest < 1].max(axis=1) < 120).mean() > 0.99
        assert (puzzle[nearest > 4] == 255).all()


def test_options_stand_on_their_boxes():
    instance = draw(1)[0]
    options = TASK.options(instance)
    assert [option.label for option in options] == ["6", "7", "8", "9", "10"]
    gaps = np.diff([option.x for option in options])
    assert gaps.min() == gaps.max() > 64
    assert {option.y for option in options} == {456}


def test_mirrored_drawings_are_the_same_in_disguise():
    data = draw(1)[0].data
    flipped = {**data, "circles": [[512 - x, 416 - y, r] for x, y, r in data["circles"][::-1]]}
    assert TASK.identity(flipped) != TASK.identity(data)
    assert set(TASK.symmetries(flipped)) == set(TASK.symmetries(data))
    assert len(set(TASK.symmetries(data))) == 4
    shuffled = {**data, "circles": data["circles"][::-1]}
    assert TASK.identity(shuffled) == TASK.identity(data)


@pytest.mark.parametrize("limits", [(6, 6), (9, 6), (3, 12)])
def test_a_range_needs_two_to_six_boxes(limits):
    with pytest.raises(ValueError, match="numbered box"):
        TASK.Config(fewest=limits[0], most=limits[1])


@pytest.fixture(scope="module")
def sheet():
    instance = draw(3)[2]
    page = TASK.page(instance, TASK.Style())
    return Sample("c", instance, {}, "", page.puzzle, page.filled(page.wanted)), page


def verdict(sheet, picture):
    return TASK.check(sheet[0], Prediction("c", "image", content=picture))


def boxed(page, number):
    left, top, right, bottom = page.boxes[number]
    return (left, top), (right - 1, bottom - 1)


def test_marks_of_many_kinds_pass(sheet):
    page = sheet[1]
    right = page.wanted[0] - 1
    pale, outlined, ringed, strong = (page.puzzle.copy() for _ in range(4))
    inside = page.boxes[right].window
    pale[inside] = np.minimum(pale[inside], (255, 215, 215))
    strong[inside] = np.minimum(strong[inside], (230, 30, 30))
    cv2.rectangle(outlined, *boxed(page, right), (200, 20, 20), 6)
    centre = tuple(map(round, page.boxes[right].centre))
    cv2.rectangle(ringed, *boxed(page, right), (255, 40, 40), 10)
    for picture in (pale, outlined, ringed, strong):
        assert verdict(sheet, picture).passed
    cv2.circle(pale, centre, 10, (255, 215, 215), 2)
    assert verdict(sheet, pale).passed


def test_marks_elsewhere_and_other_changes_fail(sheet):
    sample, page = sheet
    right = page.wanted[0] - 1
    wrong = (right + 1) % 5
    crossed = sample.solution.copy()
    cv2.line(crossed, *boxed(page, wrong), (0, 0, 0), 5)
    assert verdict(sheet, crossed).reason == "changed_scene"
    relabelled = sample.solution.copy()
    page.boxes[wrong].fill(relabelled, (255, 255, 255))
    assert verdict(sheet, relabelled).reason == "changed_scene"
    more = sample.solution.copy()
    cv2.circle(more, (256, 200), 40, (38, 42, 51), 4)
    assert verdict(sheet, more).reason == "changed_scene"
    green = page.puzzle.copy()
    page.boxes[right].fill(green, (200, 240, 200))
    assert verdict(sheet, green).reason in ("no_answer", "changed_scene")
    for number in range(5):
        expected = "ok" if number == right else "wrong_answer"
        assert verdict(sheet, page.marked([number])).reason == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", "7"),
        ("7 circles", "7"),
        ("seven", "7"),
        ("Seven circles.", "7"),
        ("**10**", "10"),
        ("The answer is 10", "10"),
        ("七个圆", "7"),
        ("十", "10"),
        ("十一", "11"),
        ("8个", "8"),
        ("7 or 8", None),
        ("between 6 and 10", None),
        ("7.5", None),
        ("17 apples", None),
        ("often", None),
        ("", None),
    ],
)
def test_counts_are_read(text, value):
    parsed = parse_count(f"<answer>{text}</answer>")
    assert (parsed.value, parsed.tagged) == (value, True)
