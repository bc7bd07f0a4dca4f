import itertools
from dataclasses import replace

import pytest

from generators.maze.baselines import random_walk
from generators.maze.graph import square_graph
from generators.maze.square import SquareMaze

MAZE = SquareMaze()


def has_turn(path):
    return len({b - a for a, b in itertools.pairwise(path)}) > 1


@pytest.mark.parametrize("size", [5, 7, 9])
def test_straight_passes_exactly_where_the_solution_has_no_turn(size, maze):
    straight = 0
    for index in range(60):
        style = {"endpoints": "two-colour"} if index % 2 else {}
        sample = maze(size, index, cell=12, config={"min_path": 2}, **style)
        verdict = MAZE.check(sample, MAZE.baseline("straight", sample, 0))
        assert verdict.passed == (not has_turn(sample.instance.solution))
        straight += verdict.passed
    assert 0 < straight < 40


def test_random_walks_are_legal_seeded_and_sometimes_right(maze):
    passed = 0
    for index in range(40):
        sample = maze(7, index, cell=12)
        graph = square_graph(sample.instance)
        walk = random_walk(graph, sample.instance.fingerprint, seed=index)
        assert walk == random_walk(graph, sample.instance.fingerprint, seed=index)
        assert walk[0] == graph.start
        assert len(set(walk)) == len(walk)
        assert all(b in graph.neighbours[a] for a, b in itertools.pairwise(walk))
        prediction = MAZE.baseline("random", sample, index)
        assert (prediction.kind, prediction.model, prediction.seed) == ("image", "random", index)
        verdict = MAZE.check(sample, prediction)
        assert verdict.passed == (walk[-1] == graph.goal)
        assert verdict.reason in ("ok", "disconnected", "no_answer")
        passed += verdict.passed
    assert 5 < passed < 35
    assert len({tuple(random_walk(graph, "x", seed)) for seed in range(20)}) > 1


def test_other_names_and_missing_pictures_have_no_baseline(maze):
    sample = maze(7)
    assert MAZE.baseline("oracle", sample, 0) is None
    assert MAZE.baseline("straight", replace(sample, puzzle=None), 0) is None
