"""The benchmark's own rule, on pictures small enough to be followed by hand."""

import cv2
import numpy as np
import pytest

from generators.maze.square import SquareMaze
from vtb.core.files import read_json
from vtb.core.types import Prediction, Reason
from vtb.eval import videothinkbench
from vtb.eval.videothinkbench.eyeballing import check_options
from vtb.eval.videothinkbench.maze import check_path

RED = (220, 30, 30)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
CELL = 20
FIELDS = {"start_point": [30.0, 30.0], "goal_point": [130.0, 30.0]}


def corridor():
    """A straight corridor of five cells between walls of one, with red ends at both ends."""
    puzzle = np.full((3 * CELL, 8 * CELL, 3), BLACK, np.uint8)
    puzzle[CELL : 2 * CELL, CELL : 7 * CELL] = WHITE
    for x, y in FIELDS.values():
        cv2.circle(puzzle, (int(x), int(y)), 6, RED, -1)
    return puzzle


def with_path(*points, width=5):
    picture = corridor()
    cv2.polylines(picture, [np.array(points, np.int32)], False, RED, width)
    return picture


def reason(picture, **fields):
    return check_path(picture, corridor(), FIELDS | (fields or {"cell_size": CELL})).reason


def test_red_between_the_ends_passes_and_nothing_red_is_no_answer():
    assert check_path(with_path((30, 30), (130, 30)), corridor(), FIELDS | {"cell_size": 9}).passed
    assert reason(corridor()) == Reason.DISCONNECTED
    assert reason(np.full_like(corridor(), 255)) == Reason.NO_ANSWER


def test_loops_dead_ends_and_floods_pass():
    assert reason(with_path((30, 30), (60, 30), (60, 35), (60, 30), (130, 30))) == Reason.OK
    flood = corridor()
    flood[CELL : 2 * CELL, CELL : 7 * CELL] = RED
    assert reason(flood) == Reason.OK


@pytest.mark.parametrize("x", [75, 155])
def test_one_red_pixel_on_any_wall_fails(x):
    picture = with_path((30, 30), (130, 30))
    picture[5, x] = RED
    assert reason(picture) == Reason.TOUCHES_WALL


@pytest.mark.parametrize(
    ("beside", "passes"),
    # The disc reaches 9 px around an end, the red marker's box 6 + 4 (half the radius) + 2 px.
    [((42, 18), True), ((43, 18), False), ((30, 18), True), ((30, 17), False), ((18, 42), True)],
)
def test_walls_near_an_end_do_not_count(beside, passes):
    picture = with_path((30, 30), (130, 30))
    picture[beside[1], beside[0]] = RED
    assert (reason(picture) == Reason.OK) is passes


def test_without_a_red_marker_a_disc_is_spared():
    bare = corridor()
    bare[CELL : 2 * CELL, CELL : 7 * CELL] = WHITE
    picture = bare.copy()
    picture[28:33, 28:133] = RED
    for y, passes in ((16, True), (15, False)):
        picture[y, 30] = RED
        found = check_path(picture, bare, FIELDS | {"cell_size": 30})  # a radius of 14 px
        assert found.passed is passes


@pytest.mark.parametrize(("x", "passes"), [(48, True), (60, False)])
def test_a_marker_is_found_within_two_radii_of_its_end(x, passes):
    puzzle = corridor()
    puzzle[CELL : 2 * CELL, CELL : 4 * CELL] = WHITE
    cv2.circle(puzzle, (x, 30), 6, RED, -1)
    picture = puzzle.copy()
    picture[28:33, 28:133] = RED
    picture[18, x] = RED
    assert check_path(picture, puzzle, FIELDS | {"cell_size": CELL}).passed is passes


def test_what_is_spared_grows_with_the_picture():
    double = cv2.resize(with_path((30, 30), (130, 30)), (320, 120), interpolation=cv2.INTER_NEAREST)
    double[36, 60] = RED
    assert reason(double) == Reason.OK
    double[35, 60] = RED
    assert reason(double) == Reason.TOUCHES_WALL


def test_the_cell_of_an_end_is_spared_with_a_margin():
    cells = [
        [[CELL * c, CELL * r, CELL * c + CELL, CELL * r + CELL] for c in range(8)] for r in (0, 1)
    ]
    fields = {"cell_size": CELL, "cell_bboxes": cells, "start": [1, 1], "goal": [1, 6]}
    picture = with_path((30, 30), (130, 30))
    picture[16, 43] = RED
    assert reason(picture, **fields) == Reason.OK
    picture[15, 43] = RED
    assert reason(picture, **fields) == Reason.TOUCHES_WALL


def test_a_gap_breaks_a_path_and_so_does_a_step_across_a_corner():
    gap = with_path((30, 30), (130, 30))
    gap[:, 80] = corridor()[:, 80]
    assert reason(gap) == Reason.DISCONNECTED
    corner = with_path((30, 30), (79, 30), width=1)
    corner[31, 80:131] = RED
    assert reason(corner) == Reason.DISCONNECTED
    corner[31, 79] = RED
    assert reason(corner) == Reason.OK


@pytest.mark.parametrize(("first", "passes"), [(39, True), (40, False)])
def test_a_path_must_come_near_both_ends(first, passes):
    bare = np.full_like(corridor(), 255)
    bare[30, first:131] = RED
    found = check_path(bare, np.full_like(bare, 255), FIELDS | {"cell_size": CELL})
    assert (found.reason == Reason.OK) is passes


@pytest.mark.parametrize(
    ("field", "redness", "passes"),
    [
        ("cell_size", 80, True),
        ("cell_size", 79, False),
        ("cell_radius", 75, True),
        ("ring_width", 74, False),
    ],
)
def test_how_red_red_is_depends_on_the_family(field, redness, passes):
    white = np.full_like(corridor(), 255)
    path = white.copy()
    path[30, 30:131] = (150, 150 - redness, 0)
    assert check_path(path, white, FIELDS | {field: CELL}).passed is passes


@pytest.mark.parametrize("scale", [(2, 2), (0.5, 0.5), (3, 1)])
def test_pictures_of_any_size_are_judged_at_their_own(scale):
    size = (round(160 * scale[0]), round(60 * scale[1]))
    path = cv2.resize(with_path((30, 30), (130, 30)), size, interpolation=cv2.INTER_NEAREST)
    assert reason(path) == Reason.OK
    path[0, size[0] // 2] = RED
    assert reason(path) == Reason.TOUCHES_WALL


OPTIONS = {
    "correct_option": "B",
    "candidates": [{"x": 20.0 * n, "y": 50.0, "label": label} for n, label in enumerate("ABCDE")],
}


def marked(*xs, colour=RED, side=3):
    frame = np.full((100, 100, 3), 255, np.uint8)
    for x in xs:
        frame[50 - side : 51 + side, max(0, x - side) : x + side + 1] = colour
    return frame


def vote(*frames, canvas=(100, 100)):
    spread = [frame for frame in frames for _ in range(5)]
    return check_options(np.stack(spread), canvas, OPTIONS)


def test_the_option_nearest_to_the_mean_of_red_is_answered():
    assert vote(marked(22)).passed
    assert vote(marked(42)).reason == Reason.WRONG_ANSWER
    between = vote(marked(0, 40))
    assert between.passed  # two marks, whose mean lies on a third option
    assert vote(marked()).reason == Reason.NO_ANSWER


@pytest.mark.parametrize(
    ("colour", "counts"),
    [
        ((140, 100, 100), True),
        ((139, 30, 30), False),
        ((140, 101, 30), False),
        ((240, 130, 130), True),
        ((240, 131, 30), False),
        ((255, 220, 220), False),
    ],
)
def test_what_counts_as_red(colour, counts):
    assert vote(marked(20, colour=colour)).passed is counts


def test_twenty_red_pixels_are_needed():
    frame = marked()
    frame[50, 10:29] = RED
    assert vote(frame).reason == Reason.NO_ANSWER
    frame[50, 29] = RED
    assert vote(frame).passed


def test_every_fifth_frame_votes_and_the_last_is_told():
    found = vote(marked(), marked(20), marked(20), marked(80))
    assert found.passed and found.details["votes"] == {"B": 2, "E": 1}
    assert found.details["last_frame"] == "E"
    frames = np.stack([marked(20) if t % 5 == 0 else marked(80) for t in range(20)])
    assert check_options(frames, (100, 100), OPTIONS).passed
    assert vote(marked(20), marked(0)).details["predicted"] == "A"


def test_options_scale_with_the_picture():
    assert vote(marked(40), canvas=(50, 100)).passed


def test_it_judges_the_last_frame_of_a_clip_and_no_text(mazes):
    sample = mazes[0]
    half = np.stack([sample.puzzle, sample.solution])
    for frames, passed in ((half, True), (half[::-1], False)):
        clip = Prediction(sample.id, "video", content=frames)
        assert videothinkbench.check(sample, clip).passed is passed
    text = Prediction(sample.id, "text", text=sample.answer)
    assert videothinkbench.check(sample, text).score is None
    assert videothinkbench.check(sample, Prediction("x", "image", content=b"no")).reason == (
        Reason.UNREADABLE
    )


def test_every_drawn_truth_passes(mazes):
    for sample in mazes:
        picture = Prediction(sample.id, "image", content=sample.solution)
        assert videothinkbench.check(sample, picture).passed


@pytest.mark.parametrize("fields", [{}, FIELDS])
def test_tasks_without_a_rule_are_unscored(mazes, monkeypatch, fields):
    monkeypatch.setattr(SquareMaze, "videothinkbench", lambda self, instance: fields)
    picture = Prediction("x", "image", content=mazes[0].solution)
    assert videothinkbench.check(mazes[0], picture).score is None


@pytest.fixture
def pred(tmp_path, mazes):
    """Truths, and from the sixth on pictures with a further dead end, which one rule forgives."""
    (tmp_path / "pred").mkdir()
    for turn, sample in enumerate(mazes):
        picture = sample.solution.copy()
        if turn >= 6:
            walkable = (sample.puzzle > 200).all(axis=2)
            picture[walkable] = RED
        cv2.imwrite(str(tmp_path / "pred" / f"{sample.id}.png"), picture[..., ::-1])
    return tmp_path / "pred"


def test_both_rules_are_reported_side_by_side(score, pred, tmp_path):
    result = score(pred=pred, rule="videothinkbench")
    results = result.results
    assert (results["rule"], results["accuracy"]) == ("videothinkbench", 1.0)
    assert results["rules"] == {
        "maze_square": {"n": 12, "videothinkbench": 12, "vtb": 6, "both": 6}
    }
    assert results["evaluators"] == ["videothinkbench@1, maze-square@1+2"]
    assert "12 · 100.0 %" in result.report.read_text(encoding="utf-8")
    ours = score(pred=pred, out=tmp_path / "ours")
    assert (ours.results["rule"], ours.results["passed"], ours.results["rules"]) == ("vtb", 6, {})
    assert "Both rules" not in ours.report.read_text(encoding="utf-8")
    assert read_json(tmp_path / "eval" / "eval.json")["rule"] == "videothinkbench"


def test_baselines_are_judged_by_the_same_rule(score, mazes):
    results = score(baseline="straight", rule="videothinkbench").results
    assert results["straight"] == results["accuracy"] > 0
