import cv2
import numpy as np
import pytest

from vtb.core.types import Reason
from vtb.media.compare import (
    align,
    changed_shares,
    close_gaps,
    drop_specks,
    grow,
    keep_streaks,
    new_red,
    psnr,
    red,
    shrink,
)

SIZE = (96, 128)


@pytest.fixture(scope="module")
def puzzle():
    """Black and white blocks of 8 px, none of whose shifts looks like another."""
    blocks = np.random.default_rng(0).random((SIZE[0] // 8, SIZE[1] // 8)) < 0.5
    grey = (blocks * np.uint8(255)).repeat(8, 0).repeat(8, 1)
    return np.stack([grey] * 3, axis=2)


def resized(picture, width, height):
    shrinks = width < picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)


def mask_of(text):
    return np.array([[character == "#" for character in row] for row in text.split()])


def test_equal_size_needs_no_work(puzzle):
    place = align(puzzle, puzzle)
    assert place.score == pytest.approx(1)
    assert (place.top, place.left, place.height, place.width) == (0, 0, *SIZE)
    assert np.array_equal(place.warp(puzzle, puzzle), puzzle)


@pytest.mark.parametrize("size", [(64, 48), (192, 144), (300, 90), (50, 200)])
def test_stretched_pictures_come_back(puzzle, size):
    seen = align(resized(puzzle, *size), puzzle).warp(resized(puzzle, *size), puzzle)
    assert seen.shape == puzzle.shape
    assert np.abs(seen.astype(int) - puzzle).mean() < 50


@pytest.mark.parametrize(("top", "left"), [(0, 40), (30, 0)])
def test_letterbox_bars_are_cut_off(puzzle, top, left):
    framed = cv2.copyMakeBorder(puzzle, top, top, left, left, cv2.BORDER_CONSTANT, value=(9, 9, 9))
    place = align(framed, puzzle)
    assert place.score > 0.99
    assert np.array_equal(place.warp(framed, puzzle), puzzle)


def test_a_centre_crop_lies_where_it_was_cut(puzzle):
    cropped = puzzle[:, 24:-24]
    place = align(cropped, puzzle)
    seen = place.warp(cropped, puzzle)
    assert (place.top, place.left, place.width) == (0, 24, SIZE[1] - 48)
    assert np.array_equal(seen[:, 24:-24], cropped)
    assert (seen[:, :24] == cropped[:, :1]).all()


@pytest.mark.parametrize("shift", [(1, 0), (-1, 1), (2, -3), (-2, 3)])
def test_shifts_of_two_percent_are_undone(puzzle, shift):
    moved = np.roll(puzzle, shift, (0, 1))
    place = align(moved, puzzle)
    assert (place.top, place.left) == (-shift[0], -shift[1])
    inside = np.s_[4:-4, 4:-4]
    assert np.array_equal(place.warp(moved, puzzle)[inside], puzzle[inside])


def test_larger_shifts_are_not_searched(puzzle):
    assert align(np.roll(puzzle, 20, 1), puzzle).failure is Reason.CHANGED_SCENE


@pytest.mark.parametrize("value", [0, 30, 128, 255])
@pytest.mark.parametrize("size", [SIZE, (300, 301), (1, 1), (2, 900)])
def test_a_picture_of_one_colour_fits_nowhere(puzzle, value, size):
    place = align(np.full((*size, 3), value, np.uint8), puzzle)
    assert place.score < 0.1
    assert place.failure is (Reason.CHANGED_SCENE if size == SIZE else Reason.WRONG_SIZE)


def test_a_red_path_hardly_changes_the_score(puzzle):
    painted = puzzle.copy()
    painted[(puzzle == 255).all(axis=2)] = (220, 30, 30)
    assert align(painted, puzzle).score > 0.95


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((220, 30, 30), True),
        ((160, 20, 20), True),
        ((230, 70, 30), True),
        ((255, 120, 120), True),
        ((255, 215, 215), False),  # tint of bright surfaces near red after chroma subsampling
        ((66, 0, 0), False),  # the same on black
        ((220, 150, 30), False),
        ((220, 30, 150), False),
        ((255, 255, 255), False),
        ((30, 220, 30), False),
    ],
)
def test_what_counts_as_red(colour, expected):
    assert red(np.full((4, 4, 3), colour, np.uint8)).all() == expected
    assert red(np.full((4, 4, 3), colour, np.uint8)).any() == expected


def test_red_of_the_puzzle_and_its_seam_are_not_new():
    puzzle = np.full((20, 20, 3), 255, np.uint8)
    puzzle[5:10, 5:10] = (220, 30, 30)
    picture = puzzle.copy()
    picture[4:15, 4:11] = (220, 30, 30)
    found = new_red(picture, puzzle)
    assert not found[:11].any()
    assert found[11:15, 4:11].all()


def test_specks_go_and_marks_stay():
    mask = mask_of("#.... ..##. ..##. ##... .....")  # diagonal neighbours hang together
    assert np.array_equal(drop_specks(mask, 6), mask_of("..... ..##. ..##. ##... ....."))
    assert not drop_specks(mask, 7).any()
    assert not drop_specks(np.zeros((3, 3), bool), 1).any()


def test_streaks_are_long_on_one_side():
    mask = mask_of("####. ..... #..#. #.#.. .....")
    assert np.array_equal(keep_streaks(mask, 4), mask_of("####. ..... ..... ..... ....."))
    assert not keep_streaks(mask, 5).any()
    assert not keep_streaks(np.zeros((3, 3), bool), 0.5).any()


def test_gaps_close_up_to_twice_the_radius():
    mask = np.zeros((9, 40), bool)
    mask[4] = True
    mask[4, 10:12] = mask[4, 20:24] = False
    once = close_gaps(mask, 1)
    assert once[4, 10:12].all()
    assert not once[4, 20:24].any()
    assert close_gaps(mask, 2)[4, 20:24].all()


def test_shrinking_keeps_the_rim_of_the_picture():
    mask = np.ones((10, 10), bool)
    assert shrink(mask, 2).all()
    mask[5, 5] = False
    assert shrink(mask, 2).sum() == 100 - 25
    assert grow(~mask, 2).sum() == 25


def test_changed_share_counts_judged_pixels_of_each_element():
    puzzle = np.full((10, 20, 3), 255, np.uint8)
    elements = np.zeros((10, 20), np.int32)
    elements[:, 10:] = 1
    elements[:2] = 2
    picture = puzzle.copy()
    picture[:, 10:15, 2] = 0  # one channel is enough
    picture[:, :5] = 160  # not far enough
    picture[:2] = 0  # element 2 is not asked for
    ignore = np.zeros((10, 20), bool)
    assert changed_shares(picture, puzzle, elements, 2, ignore).tolist() == [0, 0.5]
    ignore[:, 15:] = True
    assert changed_shares(picture, puzzle, elements, 2, ignore).tolist() == [0, 1]
    ignore[:, 11:] = True
    assert changed_shares(picture, puzzle, elements, 2, ignore).tolist() == [0, 0]


def test_psnr_against_its_definition():
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black, black) == 100
    assert psnr(black + np.uint8(255), black) == pytest.approx(0)
    assert psnr(black + np.uint8(10), black) == pytest.approx(28.13, abs=0.01)


def test_a_sparse_scene_is_compared_where_it_has_something():
    puzzle = np.full((128, 128, 3), 255, np.uint8)
    puzzle[60:64, 20:50] = 0
    drawn = puzzle.copy()
    drawn[5:40, 5:120] = 0
    near = grow((puzzle == 0).all(axis=2), 3)
    assert align(drawn, puzzle).score < 0.5
    assert align(drawn, puzzle, near).score > 0.99
    erased = np.where(near[..., None], np.uint8(255), drawn)
    assert align(erased, puzzle, near).score < 0.5
