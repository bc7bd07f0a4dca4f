import json
import os
from collections import Counter
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.maze.capacity import connected_mazes
from generators.maze.grid import square_grid
from generators.maze.square import SquareMaze
from vtb.core.config import parse
from vtb.core.errors import UsageError, VtbError
from vtb.core.generator import Sampler
from vtb.core.splits import fingerprint

MAZE = SquareMaze()
GOLDEN = Path(__file__).parents[2] / "golden" / "maze-square.json"
ALGORITHMS = ["wilson", "dfs", "prim", "kruskal", "braid"]


def draw(index=0, seed=0, **config):
    return Sampler(MAZE, MAZE.Config(**config), MAZE.Style(), seed).draw(index, 0)


def block_graph(data):
    cells = {
        r * data["cols"] + c
        for r, line in enumerate(data["grid"])
        for c, block in enumerate(line)
        if block == "."
    }
    steps = [(a, b) for a in cells for b in (a + 1, a + data["cols"]) if b in cells]
    return nx.Graph(steps)


odd = st.integers(2, 7).map(lambda n: 2 * n + 1)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    rows=odd,
    cols=odd,
    algorithm=st.sampled_from(ALGORITHMS),
    endpoints=st.sampled_from(["random", "corners"]),
    seed=st.integers(0, 2**40),
)
def test_every_instance_is_a_solvable_maze_with_its_shortest_path(
    rows, cols, algorithm, endpoints, seed
):
    instance = draw(seed=seed, rows=rows, cols=cols, algorithm=algorithm, endpoints=endpoints)
    data, path = instance.data, instance.solution
    assert len(data["grid"]) == rows and {len(line) for line in data["grid"]} == {cols}
    assert set(data["grid"][0] + data["grid"][-1]) == {"#"}
    graph = block_graph(data)
    assert nx.is_connected(graph)
    assert nx.is_tree(graph) or algorithm == "braid"
    shortest = list(nx.all_shortest_paths(graph, data["start"], data["goal"]))
    assert path == min(shortest)
    assert len(path) >= 5
    if endpoints == "corners":
        assert (path[0], path[-1]) == (cols + 1, rows * cols - cols - 2)

    difficulty = instance.difficulty
    rooms = [cell for cell in graph if cell // cols % 2 and cell % cols % 2]
    bends = sum(b - a != c - b for a, b, c in zip(path, path[1:], path[2:], strict=False))
    assert difficulty == pytest.approx(
        {
            "path_cells": len(path),
            "path_rooms": (len(path) + 1) // 2,
            "turns": bends,
            "dead_ends": sum(graph.degree[room] == 1 for room in rooms),
            "branching": sum(graph.degree[cell] > 2 for cell in path),
            "detour": difficulty["detour"],
            "braid": 0.5 if algorithm == "braid" else 0.0,
            "cells": len(rooms),
            "n_shortest": len(shortest),
        }
    )
    assert difficulty["detour"] >= 1
    assert json.loads(json.dumps(instance.data)) == instance.data


def symmetric_variants(data):
    """The eight images of a maze, made by numpy alone."""
    blocks = np.array([list(line) for line in data["grid"]])
    marks = np.zeros(blocks.shape, int)
    marks.flat[data["start"]], marks.flat[data["goal"]] = 1, 2
    for turned in (False, True):
        for quarter in range(4):
            grid, ends = (np.rot90(a.T if turned else a, quarter) for a in (blocks, marks))
            yield {
                "rows": grid.shape[0],
                "cols": grid.shape[1],
                "grid": ["".join(line) for line in grid],
                "start": int(np.flatnonzero(ends == 1)[0]),
                "goal": int(np.flatnonzero(ends == 2)[0]),
            }


@pytest.mark.parametrize("sides", [(9, 9), (7, 11)])
def test_symmetric_variants_share_the_canonical_identity(sides):
    for index in range(10):
        data = draw(index, rows=sides[0], cols=sides[1]).data
        variants = list(symmetric_variants(data))
        identities = {MAZE.identity(variant) for variant in variants}
        assert identities == set(MAZE.symmetries(data))
        assert {min(MAZE.symmetries(variant)) for variant in variants} == {min(identities)}


def test_identity_ignores_which_end_is_the_start_and_nothing_else():
    data = draw().data
    assert MAZE.identity({**data, "start": data["goal"], "goal": data["start"]}) == MAZE.identity(
        data
    )
    other_end = next(
        cell for cell in block_graph(data) if cell not in (data["start"], data["goal"])
    )
    assert MAZE.identity({**data, "goal": other_end}) != MAZE.identity(data)
    assert MAZE.identity({**data, "rows": 11, "cols": 7}) != MAZE.identity(data)


def test_7x7_has_5376_puzzles_and_686_up_to_symmetry():
    grid = square_grid(7, 7)
    identities, canonical = set(), set()
    for tree in connected_mazes(grid.neighbours, 8):
        edges = [(a, b) for a, doors in enumerate(tree) for b in doors if a < b]
        text = grid.text(edges)
        for start, goal in combinations(range(9), 2):
            if goal not in tree[start]:
                data = {"rows": 7, "cols": 7, "grid": text}
                data |= {"start": grid.blocks[start], "goal": grid.blocks[goal]}
                variants = list(MAZE.symmetries(data))
                identities.add(variants[0])
                canonical.add(min(variants))
    assert (len(identities), len(canonical)) == (5_376, 686)


def test_golden_fingerprints():
    now = {
        "generator": MAZE.name,
        "version": MAZE.version,
        "config": {},
        "seed": 0,
        "fingerprints": [draw(index).fingerprint for index in range(20)],
    }
    if os.environ.get("VTB_REWRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(now, indent=2) + "\n")
    assert now == json.loads(GOLDEN.read_text())


def test_fingerprint_depends_on_the_content_only():
    plain = draw()
    restyled = Sampler(MAZE, MAZE.Config(), MAZE.Style(cell=12), 0).draw(0, 0)
    assert restyled.fingerprint == plain.fingerprint
    assert restyled.style != plain.style
    assert plain.fingerprint == fingerprint(b"maze_square\0" + MAZE.identity(plain.data))


def test_paths_stay_in_the_band():
    lengths = Counter(
        draw(index, min_path=5, max_path=6).difficulty["path_rooms"] for index in range(50)
    )
    assert set(lengths) == {5, 6}


def test_an_impossible_band_ends_with_the_task_and_index():
    with pytest.raises(VtbError, match="in 1000 mazes") as error:
        draw(7, endpoints="corners", min_path=2, max_path=6)
    assert "maze_square, index 7" in error.value.fact


@pytest.mark.parametrize(("size", "distinct", "mean"), [(7, 14, 11.1), (9, 322, 18.8)])
def test_dfs_with_corners_is_the_published_distribution(size, distinct, mean):
    instances = [
        draw(index, rows=size, cols=size, algorithm="dfs", endpoints="corners")
        for index in range(2000)
    ]
    assert len({instance.fingerprint for instance in instances}) <= distinct
    lengths = [instance.difficulty["path_cells"] for instance in instances]
    assert np.mean(lengths) == pytest.approx(mean, abs=0.4)
    assert (min(lengths), max(lengths)) == {7: (9, 17), 9: (13, 29)}[size]


def test_default_path_length_and_variety():
    instances = [draw(index) for index in range(2000)]
    assert np.mean([i.difficulty["path_cells"] for i in instances]) == pytest.approx(10.5, abs=0.3)
    assert len({i.fingerprint for i in instances}) >= 1998


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        ({"rows": 8, "cols": 8}, "`--size 8` is even", "--size 7 or --size 9"),
        ({"rows": 3, "cols": 3}, "`--size 3` is too small", "--size 5"),
        ({"rows": 4, "cols": 4}, "`--size 4` is even", "--size 5"),
        ({"rows": 9, "cols": 10}, "`-s cols=10` is even", "-s cols=9 or -s cols=11"),
        ({"min_path": 17}, "`--min-path 17` is longer than the maze", "--min-path 8 or less"),
        ({"max_path": 2}, "`--max-path 2` is below `--min-path 3`", "--max-path 3 or more"),
        ({"rows": 403, "cols": 403}, "`--size 403` is too large", "--size 401"),
        ({"algorithm": "wilsn"}, "`algorithm` = 'wilsn' is not valid", "wilson"),
        ({"row": 9}, "unknown key `row`", "did you mean `rows`?"),
    ],
)
def test_wrong_configurations(config, message, hint):
    with pytest.raises(UsageError) as error:
        parse(MAZE.Config, config, "command line")
    assert error.value.message == message
    assert hint in error.value.hint
