"""Sudoku against a solver and a count of its own, and the reading of digits."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from generators.visual.digits import read_digit
from generators.visual.sudoku import Sudoku
from generators.visual.sudoku_grids import completions, grids
from vtb.core.answers import wrap
from vtb.core.generator import Sampler
from vtb.core.rng import stream
from vtb.core.types import Prediction, Sample
from vtb.media.canvas import Canvas

TASK = Sudoku()


def solve(board, cell=0):
    """All completions of 16 cells by trying every digit in turn."""
    if cell == 16:
        return [tuple(board)]
    if board[cell]:
        return solve(board, cell + 1)
    row, col = divmod(cell, 4)
    seen = {board[4 * row + k] for k in range(4)} | {board[4 * k + col] for k in range(4)}
    top, left = row // 2 * 2, col // 2 * 2
    seen |= {board[4 * (top + k // 2) + left + k % 2] for k in range(4)}
    found = []
    for digit in {1, 2, 3, 4} - seen:
        board[cell] = digit
        found += solve(board, cell + 1)
        board[cell] = 0
    return found


def flat(rows):
    return [cell for row in rows for cell in row]


def draw(clues, count, seed=0):
    sampler = Sampler(TASK, TASK.Config(clues=clues), TASK.Style(), seed)
    return [sampler.draw(index, 0) for index in range(count)]


def test_all_grids_are_known():
    assert sorted(solve([0] * 16)) == [tuple(grid) for grid in grids()]
    assert len(grids()) == 288


@pytest.mark.parametrize("clues", [4, 6, 12, 15])
def test_a_puzzle_has_its_clues_and_one_solution(clues):
    for instance in draw(clues, 12):
        board = flat(instance.data["board"])
        assert sum(map(bool, board)) == clues
        assert solve(board) == [tuple(flat(instance.solution))]


def test_completions_agree_with_the_solver_where_there_are_several():
    for board in ([1, 2, 3, 4] + [0] * 12, [1] + [0] * 14 + [1], [1, 1] + [0] * 14):
        assert [tuple(grid) for grid in completions(board)] == sorted(solve(list(board)))


@pytest.mark.parametrize("clues", [4, 5, 12, 15])
def test_capacity_counts_sets_of_cells_that_single_out_a_grid(clues):
    table = np.array([list(grid) for grid in grids()], np.uint8)
    subsets = np.array(list(combinations(range(16), clues)))
    shown = table[:, subsets]  # 288 grids x subsets x clues
    total = 0
    for one in range(0, 288, 24):  # the same count for every relabelling of a grid
        agrees = (shown == shown[one]).all(axis=2)
        total += int((agrees.sum(axis=0) == 1).sum())
    assert TASK.capacity(TASK.Config(clues=clues)) == total * 24


def test_puzzles_are_drawn_uniformly():
    contents = [TASK.sample(stream("uniform", i), TASK.Config(clues=15)) for i in range(1500)]
    boards = [tuple(flat(content.data["board"])) for content in contents]
    missing = np.bincount([board.index(0) for board in boards], minlength=16)
    digits = np.bincount([content.solution[0][0] for content in contents])[1:]
    for counts in (missing, digits):
        expected = counts.sum() / len(counts)
        assert ((counts - expected) ** 2 / expected).sum() < 40  # p > 1e-3 for 15 degrees
    # Of 4608 boards, 1500 uniform draws hit 4608 (1 - exp(-1500/4608)) = 1281, give or take 12.
    assert abs(len({*boards}) - 1281) < 48


def test_disguises_have_one_canonical_form():
    rng = np.random.default_rng(0)
    for instance in draw(6, 6):
        board = np.array(instance.data["board"])
        for _ in range(8):
            image = np.rot90(board, rng.integers(4))
            image = image.T if rng.integers(2) else image
            bands = rng.permutation(2)
            rows = [2 * band + line for band in bands for line in rng.permutation(2)]
            names = np.array([0, *(rng.permutation(4) + 1)])
            disguised = {"board": names[image[rows]].tolist()}
            assert min(TASK.symmetries(disguised)) == min(TASK.symmetries(instance.data))
    whole = [{"board": np.array(list(grid)).reshape(4, 4).tolist()} for grid in grids()]
    assert len({min(TASK.symmetries(data)) for data in whole}) == 2  # known: two kinds of 4x4 grid


def cell_with(digits, size=90, colour=(0, 0, 0), share=0.7):
    canvas = Canvas.blank(size, size, (255, 255, 255))
    for digit in digits:
        canvas.text((size * 0.52, size * 0.49), digit, share * size, colour)
    return canvas.pixels


@pytest.mark.parametrize("size", [36, 90, 180])
def test_digits_are_read_at_any_size_and_colour(size):
    for digit in "1234":
        for colour in ((0, 0, 0), (30, 90, 200), (180, 40, 40), (90, 150, 90)):
            for share in (0.5, 0.9):
                cell = cell_with(digit, size, colour, share)
                assert read_digit(cell, 4) == int(digit)
                assert read_digit(cv2.GaussianBlur(cell, (0, 0), 1), 4) == int(digit)


def test_digits_of_another_hand_are_read():
    for digit in "1234":
        cell = np.full((90, 90, 3), 255, np.uint8)
        cv2.putText(cell, digit, (25, 70), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 7, cv2.LINE_AA)
        assert read_digit(cell, 4) == int(digit)


def test_what_is_no_digit_is_not_read_as_one():
    blank = np.full((90, 90, 3), 255, np.uint8)
    pale = (blank * 0.75 + cell_with("3") * 0.25).astype(np.uint8)
    cross, bar, dot = blank.copy(), blank.copy(), blank.copy()
    cv2.line(cross, (15, 15), (75, 75), (0, 0, 0), 8)
    cv2.line(cross, (75, 15), (15, 75), (0, 0, 0), 8)
    bar[40:50, 10:80] = dot[40:48, 40:48] = 0
    assert [read_digit(cell, 4) for cell in (blank, blank // 2, pale, dot)] == [0] * 4
    noise = np.random.default_rng(0).integers(0, 256, blank.shape, np.uint8)
    for cell in (cross, bar, cell_with("23"), cell_with("34"), cell_with("12")):
        assert read_digit(cell, 4) == -1
    assert read_digit(noise, 4) < 1
    for digit in "56789":
        assert read_digit(cell_with(digit), 4) == -1


def test_a_text_answers_with_the_whole_grid():
    instance = draw(12, 1)[0]
    sample = Sample("s", instance, {}, TASK.answer(instance))

    def reason(rows):
        return TASK.check(sample, Prediction("s", "text", text=wrap(str(rows)))).reason

    right = instance.solution
    assert reason(right) == "ok"
    assert reason(right[:3]) == reason([row[::-1] for row in right]) == "wrong_answer"
    assert reason(flat(right)) == "no_answer"
