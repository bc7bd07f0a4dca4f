"""Paths as lists of ids, judged on the graph alone."""

import json
from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.maze.graph import path_fault, square_graph
from generators.maze.square import SquareMaze
from vtb.core.answers import wrap
from vtb.core.types import Instance, Prediction, Sample

MAZE = SquareMaze()
GRID = [
    "#######",
    "#.....#",
    "#.###.#",
    "#.#...#",
    "#.#.###",
    "#.#...#",
    "#######",
]
START, GOAL = 36, 39
PATH = [36, 29, 22, 15, 8, 9, 10, 11, 12, 19, 26, 25, 24, 31, 38, 39]


@pytest.fixture(scope="module")
def sample(maze):
    return hand_made("same")


def hand_made(endpoints):
    """A hand-drawn maze without pixels, of one corridor that goes on for a step after the goal."""
    instance = Instance(
        generator="maze-square",
        version=1,
        task="maze_square",
        config={},
        seed=0,
        index=0,
        data={"rows": 7, "cols": 7, "grid": GRID, "start": START, "goal": GOAL},
        solution=PATH,
        difficulty={},
        fingerprint="0" * 32,
        canonical="0" * 32,
        style={"endpoints": endpoints, "cell": 16, "canvas": None},
    )
    return Sample("hand", instance, {}, json.dumps(PATH))


def verdict_of(sample, ids):
    return MAZE.check(sample, Prediction(sample.id, "text", text=wrap(json.dumps(ids))))


def test_the_path_passes_in_both_directions_when_ends_look_alike(sample):
    for ids in (PATH, PATH[::-1]):
        verdict = verdict_of(sample, ids)
        assert (verdict.score, verdict.passed, verdict.reason) == (1, True, "ok")
        assert verdict.details["cells"] == ids


def test_two_colours_fix_the_direction():
    sample = hand_made("two-colour")
    assert verdict_of(sample, PATH).passed
    backwards = verdict_of(sample, PATH[::-1])
    assert (backwards.reason, backwards.score) == ("wrong_answer", 0)


@pytest.mark.parametrize(
    ("ids", "reason", "progress"),
    [
        ([], "disconnected", 0),
        ([START, GOAL], "disconnected", 0),
        ([START], "disconnected", 0),
        (PATH[:2], "disconnected", 1 / 15),
        (PATH[:3], "disconnected", 2 / 15),
        (PATH[:-1], "disconnected", 14 / 15),
        ([*PATH[:-1], 25], "disconnected", 14 / 15 * 15 / 16),
        (PATH[:2] + PATH[3:], "disconnected", 1 / 15 * 2 / 15),
        (PATH[1:], "disconnected", 0),  # does not begin at an end
        ([*PATH[:5], 1000, *PATH[5:]], "disconnected", 4 / 15 * 5 / 17),
        ([*PATH[:5], -40, *PATH[5:]], "disconnected", 4 / 15 * 5 / 17),
        ([*PATH[:3], 23, *PATH[3:]], "touches_wall", 2 / 15 * 3 / 17),
        ([*PATH[:3], 23, 24, *PATH[13:]], "touches_wall", 2 / 15 * 3 / 8),
        (PATH[:3] + PATH[1:15], "disconnected", 2 / 15 * 3 / 17),
        ([*PATH, PATH[-1]], "disconnected", 16 / 17),
        ([*PATH, 40], "disconnected", 1),  # past the goal
        (PATH[:3] + PATH[1:], "no_answer", 0),  # more ids than cells
        (list(range(49)), "no_answer", 0),
        ([START] * 17, "disconnected", 0),
        ([START] * 18, "no_answer", 0),
    ],
)
def test_faults_have_their_reason_and_half_of_the_progress(sample, ids, reason, progress):
    verdict = verdict_of(sample, ids)
    assert (verdict.reason, verdict.passed) == (reason, False)
    assert verdict.score == pytest.approx(0.5 * progress)


# A hall of three by three blocks: its other ways round are as legal, and lead away from the goal.
HALL = ["#####", "#...#", "#...#", "#...#", "#####"]


def test_what_counts_is_how_near_a_walk_came_to_the_goal():
    instance = replace(
        hand_made("same").instance,
        data={"rows": 5, "cols": 5, "grid": HALL, "start": 6, "goal": 8},
        solution=[6, 7, 8],
    )
    hall = Sample("hall", instance, {}, "[6, 7, 8]")
    walk = [6, 7, 12, 17, 16, 11]
    scores = [verdict_of(hall, walk[:length]).score for length in range(1, 7)]
    assert scores == [0, 0.25, 0.25, 0.25, 0.25, 0.25]
    assert verdict_of(hall, [6, 11, 12, 7, 8]).passed
    again = verdict_of(hall, [6, 7, 6, 7, 8])
    assert (again.reason, again.score) == ("not_simple", 0.25 * 2 / 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I cannot see a path.", "no_answer"),
        ("", "no_answer"),
        (f"{PATH} or {PATH[:4]}", "ambiguous_answer"),
        (f"{PATH[:4]} <answer>{PATH}</answer>", "ok"),
        (f"<answer>{PATH}</answer> <answer>{PATH[:4]}</answer>", "no_answer"),
        (f"<answer>{PATH[:4]}</answer> <answer>{PATH}</answer>", "no_answer"),
        (f"<answer>The path is {PATH}.</answer>", "no_answer"),
        (f"<think><answer>{PATH[:4]}</answer></think><answer>{PATH}</answer>", "ok"),
        (f"<think><answer>{PATH}</answer></think>", "no_answer"),
        (f"The path is {PATH}.", "no_answer"),
    ],
)
def test_where_the_answer_is_looked_for(sample, text, reason):
    verdict = MAZE.check(sample, Prediction("hand", "text", text=text))
    assert verdict.reason == reason
    assert verdict.passed == (reason == "ok")


def test_text_may_be_a_file_and_needs_no_pixels(sample, tmp_path):
    (tmp_path / "content.txt").write_text(wrap(str(PATH)))
    in_file = Prediction("hand", "text", path=str(tmp_path / "content.txt"))
    assert MAZE.check(sample, in_file).passed
    absent = replace(in_file, path=str(tmp_path / "absent.txt"))
    assert MAZE.check(sample, absent).reason == "unreadable"


def oracle(ids):
    cells = {r * 7 + c for r, row in enumerate(GRID) for c, block in enumerate(row) if block == "."}
    graph = nx.Graph((i, i + step) for i in cells for step in (1, 7) if i + step in cells)
    in_maze = set(ids) <= set(graph) and {ids[0], ids[-1]} == {START, GOAL}
    return in_maze and nx.is_simple_path(graph, ids)


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["drop", "swap", "repeat", "replace"]), st.integers(0, 15)),
    max_size=2,
)


@settings(max_examples=200)
@given(MUTATIONS, st.integers(-3, 60), st.booleans())
def test_networkx_agrees_on_every_disturbed_path(mutations, other, backwards):
    ids = PATH[::-1] if backwards else list(PATH)
    for kind, position in mutations:
        at = position % len(ids)
        match kind:
            case "drop":
                del ids[at]
            case "swap":
                ids[at], ids[at - 1] = ids[at - 1], ids[at]
            case "repeat":
                ids.insert(at, ids[at])
            case "replace":
                ids[at] = other
    graph = square_graph(hand_made("same").instance)
    assert (path_fault(graph, ids) == "ok") == oracle(ids)


def test_truth_passes_and_corruptions_fail_as_text(maze):
    for index in range(30):
        for style in ({}, {"endpoints": "two-colour"}):
            drawn = maze(5 + 2 * (index % 6), index, cell=6, **style)
            bare = replace(drawn, puzzle=None)
            assert verdict_of(bare, drawn.instance.solution).passed
            for name, prediction in MAZE.corruptions(bare):
                verdict = MAZE.check(bare, prediction)
                assert prediction.kind == "text"
                assert not verdict.passed, name
                assert verdict.score <= 0.5, name


@pytest.mark.parametrize(("text", "lenient"), [(f"The path is {PATH}.", 1.0), ("none", 0.0)])
def test_a_bare_answer_counts_only_in_the_lenient_column(sample, text, lenient):
    verdict = MAZE.check(sample, Prediction("hand", "text", text=text))
    assert not verdict.passed and verdict.score == 0
    assert verdict.details["lenient"] == lenient
