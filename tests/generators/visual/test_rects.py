"""Piles of rectangles against the pixels they make, and orders of colours in texts."""

from itertools import combinations, permutations

import numpy as np
import pytest

from generators.visual.colour_order import parse_order
from generators.visual.rect_pile import BOARD, Rect, draw_pile, is_clear, turned, visible_sides
from generators.visual.rects import COLOURS, ORDERS, Rects
from vtb.core.generator import Sampler
from vtb.core.rng import stream

TASK = Rects()
RASTER = 4  # px per unit


def draw(count, seed=0):
    sampler = Sampler(TASK, TASK.Config(), TASK.Style(), seed)
    return [sampler.draw(index, 0) for index in range(count)]


def raster(pile):
    """Which rectangle is seen at each pixel of the board; -1 is paper."""
    seen = np.full((BOARD * RASTER, BOARD * RASTER), -1)
    for place, rect in reversed(list(enumerate(pile))):
        left, top, right, bottom = (RASTER * corner for corner in rect)
        seen[top:bottom, left:right] = place
    return seen


def seen_lengths(pile, upper, lower):
    """Longest runs of pixels, per side of `upper`, with it inside and `lower` outside."""
    seen = np.pad(raster(pile), 1, constant_values=-2)
    left, top, right, bottom = (RASTER * corner + 1 for corner in pile[upper])
    rows, columns = slice(top, bottom), slice(left, right)
    sides = [
        (seen[rows, left], seen[rows, left - 1]),
        (seen[rows, right - 1], seen[rows, right]),
        (seen[top, columns], seen[top - 1, columns]),
        (seen[bottom - 1, columns], seen[bottom, columns]),
    ]
    lengths = []
    for inside, outside in sides:
        hits = np.flatnonzero(np.diff([0, *((inside == upper) & (outside == lower)), 0]))
        lengths.append(max((hits[1::2] - hits[::2]).tolist(), default=0))
    return lengths


def test_every_order_of_two_is_seen_on_two_sides():
    for instance in draw(24):
        pile = [Rect(*rect) for rect in instance.data["rects"]]
        for upper, lower in combinations(range(4), 2):
            lengths = seen_lengths(pile, upper, lower)
            assert sum(length >= RASTER for length in lengths) >= 2
            # The pixels show at least what the geometry promises.
            promised = visible_sides(pile, upper, lower)
            assert all(p * RASTER <= length for p, length in zip(promised, lengths, strict=True))


def test_the_order_follows_from_what_is_seen():
    for instance in draw(24):
        pile = [Rect(*rect) for rect in instance.data["rects"]]
        shuffled = list(range(4))
        stream("order", instance.fingerprint).shuffle(shuffled)
        seen = raster(pile)
        # Of two rectangles the one seen more often where both lie is on top.
        wins = np.zeros(4, int)
        for one, other in combinations(shuffled, 2):
            both = np.array([raster([pile[k]]) == 0 for k in (one, other)]).all(axis=0)
            wins[one if (seen[both] == one).any() else other] += 1
        assert wins.tolist() == [3, 2, 1, 0]
        assert instance.solution == ", ".join(instance.data["colours"])


def test_piles_whose_order_is_hidden_are_refused():
    around = [Rect(0, 0, 12, 12), Rect(6, 6, 18, 18), Rect(2, 8, 14, 20)]
    apart = [*around, Rect(20, 20, 24, 24)]
    covered = [Rect(0, 0, 20, 20), Rect(5, 5, 15, 15), Rect(10, 10, 22, 22), Rect(8, 12, 18, 24)]
    flush = [Rect(0, 0, 10, 10), Rect(0, 5, 10, 15), Rect(5, 2, 15, 12), Rect(2, 6, 12, 20)]
    assert not any(is_clear(pile) for pile in (apart, covered, flush))
    bar = [Rect(0, 5, 10, 15), Rect(5, 0, 20, 20)]  # its upper, right and lower side are seen
    assert visible_sides(bar, 0, 1) == [0, 10, 5, 5]
    assert is_clear(bar)
    corner = [Rect(0, 0, 10, 10), Rect(5, 0, 20, 10)]
    assert visible_sides(corner, 0, 1) == [0, 10, 0, 0]
    assert not is_clear(corner)


def test_visible_sides_agree_with_pixels_on_random_piles():
    for seed in range(300):
        rng = stream("piles", seed)
        pile = []
        for _ in range(4):
            left, top = rng.below(16), rng.below(16)
            pile.append(Rect(left, top, left + 2 + rng.below(7), top + 2 + rng.below(7)))
        for upper, lower in combinations(range(4), 2):
            lengths = seen_lengths(pile, upper, lower)
            for promised, length in zip(visible_sides(pile, upper, lower), lengths, strict=True):
                assert promised * RASTER <= length
                touched = any(_touches(pile[upper], rect) for rect in pile if rect != pile[upper])
                assert touched or promised * RASTER == length


def _touches(a, b):
    return {a.left, a.right} & {b.left, b.right} or {a.top, a.bottom} & {b.top, b.bottom}


def test_every_order_comes_once_in_24_puzzles():
    assert sorted(i.solution for i in draw(24, seed=5)) == sorted(map(", ".join, ORDERS))
    assert len(ORDERS) == 24 == len(TASK.options(draw(1)[0]))


def test_sizes_tell_nothing_of_the_order():
    ranks = list(permutations(range(4)))
    piles = []
    for index in range(96):
        rng = stream("sizes", index)
        while (pile := draw_pile(rng, ranks[index % 24])) is None:
            pass
        piles.append(pile)
    by_area = [[(r.right - r.left) * (r.bottom - r.top) for r in pile] for pile in piles]
    for index, areas in enumerate(by_area):
        order = ranks[index % 24]
        assert sorted(areas) == [area for _, area in sorted(zip(order, areas, strict=True))]


def test_turned_and_mirrored_piles_are_the_same_in_disguise():
    data = draw(1)[0].data
    images = list(TASK.symmetries(data))
    assert len(set(images)) == 8
    quarter = {**data, "rects": [list(turned(Rect(*rect))) for rect in data["rects"]]}
    assert set(TASK.symmetries(quarter)) == set(images)
    picture = raster([Rect(*rect) for rect in data["rects"]])
    again = raster([Rect(*rect) for rect in quarter["rects"]])
    assert (np.rot90(picture, -1) == again).all()


RIGHT = "red, green, yellow, blue"


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        "Red > Green > Yellow > Blue",
        "red -> green -> yellow -> blue.",
        "red\ngreen\nyellow\nblue",
        "1. red\n2. green\n3. yellow\n4. blue",
        "from top to bottom: **red**, green, yellow and blue",
        "['red', 'green', 'yellow', 'blue']",
        "红色，绿色，黄色，蓝色",
        "从上到下：红、绿、黄、蓝",
        "red green yellow blue",
    ],
)
def test_orders_are_read_in_many_forms(text):
    parsed = parse_order(f"<answer>{text}</answer>", COLOURS)
    assert (parsed.status, parsed.value, parsed.tagged) == ("ok", RIGHT, True)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "no_answer"),
        ("red, green, yellow", "no_answer"),
        ("red, green, yellow, yellow", "no_answer"),
        ("red, green, yellow, purple", "no_answer"),
        ("redder, green, yellow, blue", "no_answer"),
        ("red < green < yellow < blue", "no_answer"),
        ("red under green under yellow under blue", "no_answer"),
        ("bottom to top: red, green, yellow, blue", "no_answer"),
        ("4. red 3. green 2. yellow 1. blue", "no_answer"),
        ("the red one lies above green, then yellow, then blue", "no_answer"),
        (f"{RIGHT} or blue, green, yellow, red", "ambiguous_answer"),
        ("red, green, yellow, blue" + " " * 3 + "x" * 200, "no_answer"),
    ],
)
def test_what_is_no_clear_order_is_not_read(text, status):
    assert parse_order(f"<answer>{text}</answer>", COLOURS).status == status


def test_a_bare_order_is_read_but_not_tagged():
    parsed = parse_order("The answer is red, green, yellow, blue.", COLOURS)
    assert (parsed.value, parsed.tagged) == (RIGHT, False)
