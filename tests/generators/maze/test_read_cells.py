"""Records of VideoThinkBench's hexagonal mazes and labyrinths; only pictures show passages."""

import copy
from itertools import pairwise

import numpy as np
import pytest

from generators.maze.hexagon import HexagonMaze
from generators.maze.labyrinth import LabyrinthMaze
from vtb.core.errors import UnreadableError
from vtb.core.generator import make_instance
from vtb.core.types import Prediction, Sample

MAZES = {"hexagon": HexagonMaze(), "labyrinth": LabyrinthMaze()}


def read(maze, fields, puzzle):
    """The Instance of a record, as the reader of folders makes it."""
    content, style = maze.from_videothinkbench(fields, puzzle)
    style = maze.Style.model_validate(style).model_dump(mode="json")
    return make_instance(maze, content, config={}, style=style, seed=0, index=0)


@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize(
    ("config", "drawing"),
    [
        ({}, {"canvas": 512}),
        ({"algorithm": "braid"}, {"canvas": 352, "endpoints": "two-colour"}),
        ({"endpoints": "corners", "algorithm": "dfs"}, {}),
        ({}, {"canvas": 320, "wall_px": 8, "corridor": (214, 218, 224), "wall": (44, 50, 58)}),
    ],
)
def test_what_we_write_is_read_back(kind, config, drawing, cell_maze):
    maze = MAZES[kind]
    for index in range(6):
        sample = cell_maze(kind, index, config=config, **drawing)
        instance = sample.instance
        fields = maze.videothinkbench(instance)
        found = read(maze, copy.deepcopy(dict(fields)), sample.puzzle)
        assert found.fingerprint == instance.fingerprint
        assert found.canonical == instance.canonical
        assert found.solution == instance.solution
        assert {key: found.data[key] for key in instance.data} == instance.data
        assert found.style["endpoints"] == instance.style["endpoints"]
        assert found.difficulty == {k: v for k, v in instance.difficulty.items() if k != "braid"}
        again = Sample("x", found, {}, "", sample.puzzle)
        verdict = maze.check(again, Prediction("x", "image", content=sample.solution))
        assert verdict.passed
        assert maze.videothinkbench(found) == fields


def test_fields_of_hexagonal_mazes(cell_maze):
    sample = cell_maze("hexagon", 4, canvas=512, config={"endpoints": "corners"})
    fields = MAZES["hexagon"].videothinkbench(sample.instance)
    assert fields == {
        "start_point": pytest.approx(fields["start_point"]),
        "goal_point": [256.0, 256.0],
        "solution_path_cell_ids": sample.instance.solution,
        "radius": 3,
        "cell_radius": 40,
        "wall_thickness": 6,
        "start_cell": fields["start_cell"],
        "goal_cell": [0, 0],
    }
    q, r = fields["start_cell"]
    assert max(abs(q), abs(r), abs(q + r)) == 3
    x, y = fields["start_point"]
    assert (x, y) == pytest.approx((256 + 60 * q, 256 + 40 * 3**0.5 * (r + q / 2)))


def test_fields_of_labyrinths(cell_maze):
    sample = cell_maze("labyrinth", 4, canvas=512, config={"endpoints": "corners"})
    fields = MAZES["labyrinth"].videothinkbench(sample.instance)
    start = sample.instance.solution[0]
    assert fields == {
        "start_point": pytest.approx(fields["start_point"]),
        "goal_point": [256.0, 256.0],
        "solution_path_cell_ids": sample.instance.solution,
        "rings": 3,
        "total_rings": 4,
        "segments": 8,
        "ring_width": 49,
        "wall_thickness": 12,
        "cells_per_ring": [1, 8, 8, 8],
        "start_cell": [3, start - 17],
        "goal_cell": [0, 0],
    }
    x, y = fields["start_point"]
    assert np.hypot(x - 256, y - 256) == pytest.approx(24 + 3 * 61 + 37 / 2)
    turn = np.arctan2(256 - y, x - 256) / (2 * np.pi) % 1 * 8
    assert turn == pytest.approx(start - 17 + 0.5)


@pytest.mark.parametrize(
    ("kind", "config", "cell", "wall", "side"),
    [
        ("hexagon", {"radius": 3}, 40, 6, 512),
        ("hexagon", {"radius": 4}, 24, 6, 480),
        ("labyrinth", {"rings": 3, "segments": 8}, 49, 12, 512),
        ("labyrinth", {"rings": 6, "segments": 18}, 18, 6, 348),
    ],
)
def test_drawings_of_others_on_canvases_of_theirs(
    kind, config, cell, wall, side, cell_maze, by_pillow
):
    """Sizes that the benchmark uses, on pictures that our rules for canvases would not give."""
    maze = MAZES[kind]
    config = {**config, "algorithm": "dfs", "endpoints": "corners"}
    instance = cell_maze(kind, 3, config=config, cell=cell, wall_px=wall).instance
    style = maze.Style(light_rim=True) if kind == "hexagon" else maze.Style()
    drawn = by_pillow[kind](instance.data, style, cell, wall, side, side)
    puzzle = np.rint(drawn).astype(np.uint8)
    found = read(maze, dict(maze.videothinkbench(instance)), puzzle)
    assert found.fingerprint == instance.fingerprint
    assert found.data["layout"] == {"cell": cell, "wall": wall, "height": side, "width": side}
    sketch = maze.sketch(found, puzzle)
    sample = Sample("x", found, {}, "", puzzle)

    def judged(picture):
        return maze.check(sample, Prediction("x", "image", content=picture)).reason

    assert judged(puzzle) == "no_answer"
    assert judged(sketch.strokes(found.solution)) == "ok"
    for name, prediction in maze.corruptions(sample):
        assert not maze.check(sample, prediction).passed, name


@pytest.mark.parametrize("kind", MAZES)
def test_records_that_do_not_fit_are_unreadable(kind, cell_maze):
    maze, sample = MAZES[kind], cell_maze(kind, 2, canvas=512, config={"min_path": 5})
    good, puzzle, path = (
        dict(maze.videothinkbench(sample.instance)),
        sample.puzzle,
        "solution_path_cell_ids",
    )
    size, cell = maze.size_keys[0], {"hexagon": "cell_radius", "labyrinth": "ring_width"}[kind]
    solution = good[path]
    wrong = [
        {path: solution[:-1]},
        {path: solution[:2] + solution[3:]},
        {path: [*solution[:2], *solution]},
        {path: []},
        {path: ["a", "b"]},
        {path: [*solution[:-1], 999]},
        {"start_cell": good["goal_cell"]},
        {"start_cell": [9, 9]},
        {"goal_cell": None},
        {size: 0},
        {size: 10**6},
        {size: "many"},
        {cell: 5},
        {cell: good[cell] - 9},
        {"wall_thickness": 60},
        {"wall_thickness": 4},
    ]
    for change in wrong:
        with pytest.raises(UnreadableError, match=f"no `{maze.task}`"):
            maze.from_videothinkbench({**good, **change}, puzzle)
    for missing in good.keys() - {"start_point", "goal_point", "total_rings", "cells_per_ring"}:
        fields = {key: value for key, value in good.items() if key != missing}
        with pytest.raises(UnreadableError):
            maze.from_videothinkbench(fields, puzzle)
    for picture in (puzzle[:256, :256], np.full_like(puzzle, 120), puzzle[::-1]):
        with pytest.raises(UnreadableError):
            maze.from_videothinkbench(good, picture)


@pytest.mark.parametrize("kind", MAZES)
def test_a_passage_that_is_drawn_over_is_read_as_a_wall(kind, cell_maze):
    maze, sample = MAZES[kind], cell_maze(kind, 3, canvas=512)
    sketch = maze.sketch(sample.instance, sample.puzzle)
    path = sample.instance.solution
    steps = {frozenset(step) for step in pairwise(path)}
    edge, region = next(
        (edge, region) for edge, region in sketch.passages.items() if frozenset(edge) not in steps
    )
    picture = sketch.fill([region], (0, 0, 0))
    content, _ = maze.from_videothinkbench(dict(maze.videothinkbench(sample.instance)), picture)
    kept = [pair for pair in sample.instance.data["passages"] if tuple(pair) != edge]
    assert content.data["passages"] == kept
