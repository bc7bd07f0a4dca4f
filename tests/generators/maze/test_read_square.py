"""Records of VideoThinkBench's square mazes, read back without the Instance that we add."""

import copy

import numpy as np
import pytest

from generators.maze.square import SquareMaze
from generators.maze.style import SquareStyle
from vtb.core.errors import UnreadableError
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler, make_instance
from vtb.core.types import Prediction, Sample

MAZE = SquareMaze()


def drawn(index=0, style=None, **config):
    style = SquareStyle.model_validate(style or {"cell": 16})
    config = MAZE.Config.model_validate({"rows": 7, "cols": 9, **config})
    instance = Sampler(MAZE, config, style, 1).draw(index, 0)
    return instance, MAZE.render(instance, style, FramePlan.of(17, 16))


def read(fields, puzzle):
    content, style = MAZE.from_videothinkbench(fields, puzzle)
    style = MAZE.Style.model_validate(style).model_dump(mode="json")
    return make_instance(MAZE, content, config={}, style=style, seed=0, index=0)


@pytest.fixture
def record():
    instance, rendering = drawn()
    return copy.deepcopy(dict(MAZE.videothinkbench(instance))), rendering.puzzle.rgb()


@pytest.mark.parametrize(
    "style", [{"cell": 16}, {"canvas": [128, 192]}, {"endpoints": "two-colour"}]
)
@pytest.mark.parametrize("algorithm", ["wilson", "braid"])
def test_a_record_gives_the_maze_back(style, algorithm):
    for index in range(4):
        instance, rendering = drawn(index, style, algorithm=algorithm)
        found = read(MAZE.videothinkbench(instance), rendering.puzzle.rgb())
        assert found.fingerprint == instance.fingerprint
        assert found.canonical == instance.canonical
        assert found.solution == instance.solution
        assert found.style["endpoints"] == instance.style["endpoints"]
        assert found.difficulty.items() <= dict(instance.difficulty).items()
        assert MAZE.videothinkbench(found) == MAZE.videothinkbench(instance)


def padded(pixels, margins):
    (left, top, right, bottom) = margins
    return np.pad(pixels, ((top, bottom), (left, right), (0, 0)))


def test_a_maze_that_was_drawn_elsewhere_is_judged_where_it_lies(record):
    fields, puzzle = record
    instance, rendering = drawn()
    left, top, right, bottom = fields["padding"]
    fields["padding"] = [left + 37, top + 5, right + 2, bottom + 61]
    margins = (37, 5, 2, 61)
    found = read(fields, padded(puzzle, margins))
    assert found.fingerprint == instance.fingerprint
    sample = Sample("x", found, {}, MAZE.answer(found), puzzle=padded(puzzle, margins))
    for picture, passed in ((rendering.solution.rgb(), True), (puzzle, False)):
        shown = Prediction("x", "image", content=padded(picture, margins))
        assert MAZE.check(sample, shown).passed is passed


PATH = "solution_path_cell_ids"


def change(key, value):
    return lambda fields: fields.update({key: value})


def move_path(change):
    return lambda fields: fields.update({PATH: change(fields[PATH])})


def wall_in_a_room(fields):
    fields["maze_grid"][1][1] = 1


def open_border(fields):
    fields["maze_grid"][0][0] = 0


def path_through_a_wall(fields):
    rows, cols = fields["grid_size"]
    walls = [b for b in range(rows * cols) if fields["maze_grid"][b // cols][b % cols]]
    fields[PATH][1] = walls[cols + 3]


@pytest.mark.parametrize(
    ("spoil", "fact"),
    [
        (lambda fields: fields.pop("maze_grid"), "maze_grid"),
        (lambda fields: fields.pop("padding"), "padding"),
        (change("maze_grid", None), "TypeError"),
        (change("grid_size", [8, 8]), "8x8"),
        (change("grid_size", [7, 9**12]), "7x"),
        (change("cell_size", 15), "15 px"),
        (change("cell_size", "wide"), "wide"),
        (change("start", [1, 1]), "no path"),
        (change("goal", [0, 0]), "no path"),
        (change(PATH, []), "IndexError"),
        (move_path(lambda ids: ids[::-1]), "no path"),
        (move_path(lambda ids: ids[:1] + ids), "KeyError"),
        (move_path(lambda ids: [*ids[:-1], 10**6]), "1000000"),
        (move_path(lambda ids: [*ids[:3], ids[1], *ids]), "no path"),
        (wall_in_a_room, "not rooms between walls"),
        (open_border, "not rooms between walls"),
        (path_through_a_wall, "no path"),
    ],
)
def test_what_is_no_maze_is_unreadable(record, spoil, fact):
    fields, puzzle = record
    spoil(fields)
    with pytest.raises(UnreadableError, match="no square maze") as caught:
        MAZE.from_videothinkbench(fields, puzzle)
    assert fact in caught.value.fact


def test_a_path_may_not_jump_between_open_rooms(record):
    fields, puzzle = record
    ids = fields["solution_path_cell_ids"]
    fields["solution_path_cell_ids"] = [ids[0], (ids[0] + ids[-1]) // 2, ids[-1]]
    with pytest.raises(UnreadableError, match="no path"):
        MAZE.from_videothinkbench(fields, puzzle)
