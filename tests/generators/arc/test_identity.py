"""Turned, mirrored, recoloured and reordered tasks are one; other rules are others."""

import json

import numpy as np
import pytest

from generators.arc.task import ArcTask

ARC = ArcTask()
SHAPES = [((3, 4), (2, 5)), ((4, 4), (3, 3)), ((5, 2), (1, 3)), ((3, 3), (2, 2))]
NAMES = np.array([0, 4, 7, 1, 9, 2, 3, 8, 6, 5])


def changed(data, function):
    def each(value):
        if isinstance(value, dict):
            return {key: each(inner) for key, inner in value.items()}
        if isinstance(value, list) and isinstance(value[0], list):
            return function(np.array(value)).tolist()
        return [each(inner) for inner in value] if isinstance(value, list) else value

    return each(data)


def canonical(data):
    return min(ARC.symmetries(data))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_mirrored_recoloured_and_reordered_tasks_are_one(puzzle, turns, mirrored):
    data = puzzle(SHAPES)
    moved = changed(data, lambda grid: np.rot90(grid.T if mirrored else grid, turns))
    recoloured = changed(moved, lambda grid: NAMES[grid])
    recoloured["train"].reverse()
    assert canonical(moved) == canonical(recoloured) == canonical(data)
    assert ARC.identity(recoloured) != ARC.identity(data)


def test_black_keeps_its_name(puzzle):
    data = puzzle(SHAPES)
    assert canonical(changed(data, lambda grid: (grid + 1) % 10)) != canonical(data)


def test_one_cell_makes_another_task_and_one_test_cell_another_puzzle(puzzle):
    data = puzzle(SHAPES)
    other = json.loads(json.dumps(data))
    other["train"][1]["output"][2][2] = (other["train"][1]["output"][2][2] + 1) % 10
    assert canonical(other) != canonical(data)
    for grid in ("test_input", "test_output"):
        other = json.loads(json.dumps(data))
        other[grid][0][0] = (other[grid][0][0] + 1) % 10
        assert canonical(other) == canonical(data)
        assert ARC.identity(other) != ARC.identity(data)


def test_sizes_are_part_of_the_identity(puzzle):
    data = puzzle(SHAPES)
    flat = {**data, "test_output": np.reshape(data["test_output"], (1, -1)).tolist()}
    assert ARC.identity(flat) != ARC.identity(data)


def test_the_name_of_the_file_is_not(puzzle):
    data = puzzle(SHAPES)
    assert ARC.identity({**data, "task_id": "other"}) == ARC.identity(data)
