"""Truths pass and lies fail, from tiny to the largest grids."""

import json

import cv2
import numpy as np
import pytest

from generators.arc.config import ArcStyle
from generators.arc.corruptions import Easel
from generators.arc.placement import placements
from generators.arc.task import ArcTask
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Reason
from vtb.media.video import encode, read_frames

ARC = ArcTask()
SMALL = [((3, 3), (3, 3))] * 3
CASES = {
    "3x3": (SMALL, {}),
    "1x1": ([((2, 2), (1, 1))] * 2, {}),
    "mixed": ([((9, 4), (3, 7)), ((5, 5), (8, 2)), ((6, 6), (6, 6))], {"cell": 16}),
    "8 px": ([((10, 10), (10, 10))] * 3, {"cell": 8}),
    "soft": ([((8, 8), (8, 8))] * 4, {**ARC.styles()["soft"], "cell": 12}),
    "6 px": ([((20, 20), (20, 20))] * 3, {"cell": 6}),
    "canvas": ([((12, 12), (12, 12))] * 4, {"canvas": (832, 480)}),
    "30x30": ([((30, 30), (30, 30))] * 5, {"cell": 6}),
}


def coded(picture, crf=23):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def scaled(picture, factor):
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=method)


HARMS = {
    "crf 23": coded,
    "half": lambda p: scaled(p, 0.5),
    "half of crf 23": lambda p: scaled(coded(p), 0.5),
    "larger": lambda p: scaled(p, 1.5),
    "shift": lambda p: np.roll(p, (1, -1), (0, 1)),
    "blur": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "noise": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 4, p.shape), 0, 255).astype(
        np.uint8
    ),
}


def shown(sample, picture):
    picture = np.ascontiguousarray(picture)
    return ARC.check(sample, Prediction(sample.id, "image", content=picture))


def said(sample, text):
    return ARC.check(sample, Prediction(sample.id, "text", text=text))


@pytest.mark.parametrize("case", CASES)
def test_truths_pass_and_untouched_puzzles_are_no_answer(puzzle, sample, case):
    shapes, style = CASES[case]
    truth = sample(puzzle(shapes), **style)
    assert shown(truth, truth.solution).passed
    for name, harm in HARMS.items():
        verdict = shown(truth, harm(truth.solution))
        assert (verdict.passed, verdict.score) == (True, 1), (name, verdict.reason)
        verdict = shown(truth, harm(truth.puzzle))
        assert (verdict.reason, verdict.score) == (Reason.NO_ANSWER, 0), name


@pytest.mark.parametrize("case", CASES)
def test_corruptions_fail_before_and_after_compression(puzzle, sample, case):
    shapes, style = CASES[case]
    truth = sample(puzzle(shapes, seed=1), **style)
    for name, prediction in ARC.corruptions(truth):
        verdict = ARC.check(truth, prediction)
        assert not verdict.passed and 0 <= verdict.score <= 0.5, (name, verdict)
        assert verdict.reason is not Reason.UNREADABLE, name
        if prediction.kind == "image":
            assert not shown(truth, coded(prediction.content)).passed, name


def test_each_corruption_has_its_reason(puzzle, sample):
    truth = sample(puzzle([((4, 4), (4, 4))] * 3))
    reasons = {name: ARC.check(truth, p).reason.value for name, p in ARC.corruptions(truth)}
    scene = {name for name, reason in reasons.items() if reason == "changed_scene"}
    assert scene == {
        *("blank", "all_red", "erased_scene", "erased_pair", "erased_arrow", "erased_input"),
        *("recoloured_pair", "recoloured_input"),
    }
    nothing = {name for name, reason in reasons.items() if reason == "no_answer"}
    assert {"unsolved", "erased_answer", "video_unsolved", "text_bare", "text_prose"} <= nothing
    assert "text_changed_mind" in nothing
    wrong = {name for name, reason in reasons.items() if reason == "wrong_answer"}
    assert {"one_wrong", "one_missing", "half_done", "transposed", "copied_input"} <= wrong
    assert {"text_wrong_cell", "text_wrong_size", "video_wrong"} <= wrong
    assert reasons["text_two"] == "ambiguous_answer"


def test_corruptions_of_symmetric_answers_are_still_wrong(puzzle, sample):
    data = puzzle(SMALL)
    data["test_output"] = [[2] * 3] * 3
    truth = sample(data)
    names = {name for name, p in ARC.corruptions(truth) if not ARC.check(truth, p).passed}
    assert len(names) == len(dict(ARC.corruptions(truth)))
    assert "one_colour" in names and "transposed" not in names


def test_score_is_half_of_what_is_better_than_copying(puzzle, sample):
    data = puzzle([((4, 5), (4, 5))] * 2)
    wanted = np.array(data["test_output"])
    copied = wanted.copy()
    copied.flat[:10] = (copied.flat[:10] + 1) % 10
    data["test_input"] = copied.tolist()
    truth = sample(data)
    near = wanted.copy()
    near.flat[0] = (near.flat[0] + 1) % 10
    for verdict in (
        shown(truth, Easel.of(truth).filled(near.tolist())),
        said(truth, wrap(json.dumps(near.tolist()))),
    ):
        assert verdict.reason is Reason.WRONG_ANSWER
        assert verdict.score == pytest.approx(0.5 * (0.95 - 0.5))
        assert verdict.details["cell_accuracy"] == 0.95
        assert verdict.details["copy_baseline"] == 0.5
        assert verdict.details["predicted"] == near.tolist()
    assert shown(truth, Easel.of(truth).filled(copied.tolist())).score == 0
    assert shown(truth, Easel.of(truth).filled(((wanted + 1) % 10).tolist())).score == 0


def test_text_answers(puzzle, sample):
    truth = sample(puzzle([((2, 3), (3, 2))] * 2))
    right = said(truth, f"thinking [1, 2] … {wrap(truth.answer)}")
    assert (right.passed, right.score, right.details["cell_accuracy"]) == (True, 1, 1)
    assert right.details["copy_baseline"] == 0
    flat = np.reshape(truth.instance.solution, (1, -1)).tolist()
    wrong = said(truth, wrap(json.dumps(flat)))
    assert (wrong.reason, wrong.score) == (Reason.WRONG_ANSWER, 0)
    bare = said(truth, truth.answer)
    assert (bare.reason, bare.score, bare.details["lenient"]) == (Reason.NO_ANSWER, 0, 1)


@pytest.mark.parametrize("cell", [6, 16, 32])
def test_a_cell_of_no_clear_colour_is_none(puzzle, sample, cell):
    truth = sample(puzzle([((5, 5), (5, 5))] * 2), cell=cell)
    layout = placements(truth.instance.data, ArcStyle(cell=cell))
    left, top, right, bottom = layout.box(layout.answer, 2, 3)
    number = truth.instance.solution[2][3]
    for spoil in ("halved", "striped", "pale"):
        picture = truth.solution.copy()
        patch = picture[top:bottom, left:right]
        if spoil == "halved":
            patch[: cell // 2] = (255, 255, 255) if number else (0, 0, 0)
        elif spoil == "striped":
            patch[::2] = 255 - patch[::2]
        else:
            patch[:] = (patch.astype(int) + 2 * 255) // 3
        verdict = shown(truth, picture)
        assert verdict.reason is Reason.WRONG_ANSWER, spoil
        assert verdict.details["predicted"][2][3] != number


def test_paint_beside_the_grids_and_lost_arrows_change_the_scene(puzzle, sample):
    truth = sample(puzzle([((6, 6), (6, 6))] * 3), cell=16)
    layout = placements(truth.instance.data, ArcStyle(cell=16))
    spot = layout.arrows[1].window
    picture = truth.solution.copy()
    picture[spot] = 245
    verdict = shown(truth, picture)
    assert verdict.reason is Reason.CHANGED_SCENE and verdict.details["changed_arrows"] == 1
    picture = truth.solution.copy()
    picture[2:22, 2:42] = (255, 0, 0)
    verdict = shown(truth, picture)
    assert verdict.reason is Reason.CHANGED_SCENE and verdict.details["painted"]
    picture[:] = truth.solution
    picture[2:5, 2:6] = (255, 0, 0)
    assert shown(truth, picture).passed


def test_slightly_other_colours_and_a_missing_lattice_pass(puzzle, sample):
    truth = sample(puzzle([((6, 6), (6, 6))] * 3))
    layout = placements(truth.instance.data, ArcStyle())
    picture = truth.solution.copy()
    for row, numbers in enumerate(truth.instance.solution):
        for col, number in enumerate(numbers):
            colour = np.array(ArcStyle().palette[number])
            picture[layout.box(layout.answer, row, col).window] = colour * 0.85 + 15
    assert shown(truth, picture).passed


def test_overlay_and_samples_without_pictures(puzzle, sample):
    truth = sample(puzzle(SMALL))
    prediction = Prediction(truth.id, "image", content=Easel.of(truth).filled([[1] * 3] * 3))
    overlay = ARC.check(truth, prediction, overlay=True).overlay
    assert overlay is not None and overlay.shape == truth.puzzle.shape
    other = sample(puzzle(SMALL), cell=16)
    assert (
        ARC.check(
            type(truth)(truth.id, truth.instance, {}, truth.answer, other.puzzle), prediction
        ).score
        is None
    )


def test_random_baseline_copies_or_guesses(puzzle, sample):
    truth = sample(puzzle(SMALL))
    grids = []
    for seed in range(12):
        made = ARC.baseline("random", truth, seed)
        grids.append(ARC.check(truth, made).details["predicted"])
    assert truth.instance.data["test_input"] in grids
    assert len({json.dumps(grid) for grid in grids}) > 3
    assert ARC.baseline("straight", truth, 0) is None
