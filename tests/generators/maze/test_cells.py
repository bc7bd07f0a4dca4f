"""Hexagonal mazes and labyrinths as content: cells, passages, symmetries, counts."""

import json
import math
from collections import Counter
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.maze.board import Board
from generators.maze.capacity import connected_mazes, count_spanning_trees
from generators.maze.carve import wilson
from generators.maze.hexagon import HexagonMaze
from generators.maze.hexagon_board import hexagon_board, hexagon_cells
from generators.maze.labyrinth import LabyrinthMaze
from generators.maze.labyrinth_board import labyrinth_board
from vtb.core.config import parse
from vtb.core.errors import UsageError, VtbError
from vtb.core.generator import Sampler
from vtb.core.rng import stream

MAZES = {"hexagon": HexagonMaze(), "labyrinth": LabyrinthMaze()}
SIZES = st.one_of(
    st.integers(1, 4).map(lambda radius: ("hexagon", {"radius": radius})),
    st.tuples(st.integers(1, 4), st.integers(3, 9)).map(
        lambda size: ("labyrinth", {"rings": size[0], "segments": size[1]})
    ),
)
ALGORITHMS = ["wilson", "dfs", "prim", "kruskal", "braid"]


def draw(kind, index=0, seed=0, **config):
    maze = MAZES[kind]
    return Sampler(maze, maze.Config(**config), maze.Style(), seed).draw(index, 0)


def touching_hexagons(radius):
    """Which cells of the axial grid touch, by the distance of their middles."""
    cells = [
        (q, r)
        for q in range(-radius, radius + 1)
        for r in range(-radius, radius + 1)
        if max(abs(q), abs(r), abs(q + r)) <= radius
    ]
    middles = [(1.5 * q, math.sqrt(3) * (r + q / 2)) for q, r in cells]
    return nx.Graph(
        (a, b)
        for a, b in combinations(range(len(cells)), 2)
        if math.dist(middles[a], middles[b]) < 1.8
    )


def touching_segments(rings, segments):
    """A wheel with more tyres."""
    graph = nx.Graph()
    for ring in range(rings):
        cells = [1 + ring * segments + k for k in range(segments)]
        nx.add_cycle(graph, cells)
        graph.add_edges_from((cell, max(0, cell - segments)) for cell in cells)
    return graph


def board_of(kind, size):
    return hexagon_board(**size) if kind == "hexagon" else labyrinth_board(**size)


def oracle_of(kind, size):
    return touching_hexagons(**size) if kind == "hexagon" else touching_segments(**size)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        *(("hexagon", {"radius": radius}) for radius in (1, 2, 3, 5)),
        *(("labyrinth", {"rings": r, "segments": s}) for r, s in ((1, 3), (1, 8), (3, 8), (4, 5))),
    ],
)
def test_boards_join_the_cells_that_touch(kind, size):
    board, oracle = board_of(kind, size), oracle_of(kind, size)
    assert {frozenset(edge) for edge in board.edges} == {frozenset(edge) for edge in oracle.edges}
    assert len(board.edges) == oracle.number_of_edges()
    assert len(board.points) == oracle.number_of_nodes() == MAZES[kind].Config(**size).num_rooms
    for (a, b), step in board.steps.items():
        distance = math.dist(board.points[a], board.points[b])
        assert distance <= step.length + 1e-9
        assert kind == "labyrinth" or distance == pytest.approx(1)
    outermost = max(math.hypot(*point) for point in board.points)
    distances = nx.single_source_shortest_path_length(oracle, board.centre)
    border = {cell for cell, moves in distances.items() if moves == max(distances.values())}
    assert set(board.border) == border
    assert math.hypot(*board.points[board.centre]) == 0 < outermost


def test_cell_ids_are_the_published_ones():
    assert len(hexagon_cells(3)) == 37
    assert hexagon_cells(3)[18] == (0, 0)
    assert hexagon_cells(3)[:5] == ((-3, 0), (-3, 1), (-3, 2), (-3, 3), (-2, -1))
    board = labyrinth_board(3, 8)
    assert sorted(board.neighbours[0]) == list(range(1, 9))
    assert set(board.neighbours[8]) == {7, 1, 0, 16}
    x, y = board.points[1]  # the first segment lies right and up, y pointing down
    assert x > -y > 0


@pytest.mark.parametrize(
    ("radius", "trees"),
    [(1, 320), (2, 2_300_606_464), (3, 289_899_537_900_576_358_400)],
)
def test_spanning_trees_of_hexagons(radius, trees):
    assert count_spanning_trees(hexagon_board(radius).neighbours) == trees


@pytest.mark.parametrize(
    ("size", "trees"),
    [
        ((1, 8), 2_205),
        ((2, 6), 261_725),
        ((2, 8), 17_688_869),
        ((3, 6), 236_513_641),
        ((3, 8), 167_999_155_129),
    ],
)
def test_spanning_trees_of_labyrinths(size, trees):
    assert count_spanning_trees(labyrinth_board(*size).neighbours) == trees


@pytest.mark.parametrize(
    ("kind", "config", "capacity"),
    [
        ("hexagon", {"radius": 1}, 320 * (21 - 6)),
        ("hexagon", {"radius": 1, "min_path": 2}, 320 * 21),
        ("hexagon", {"radius": 1, "min_path": 2, "endpoints": "corners"}, 320 * 6),
        ("hexagon", {"radius": 2}, 2_300_606_464 * (171 - 18)),
        ("hexagon", {"radius": 2, "endpoints": "corners"}, 2_300_606_464 * 12),
        ("labyrinth", {"rings": 1}, 2_205 * (36 - 8)),
        ("labyrinth", {}, 167_999_155_129 * (300 - 24)),
        ("labyrinth", {"endpoints": "corners"}, 167_999_155_129 * 8),
        ("hexagon", {"radius": 7}, None),
    ],
)
def test_capacity(kind, config, capacity):
    assert MAZES[kind].capacity(MAZES[kind].Config(**config)) == capacity


def identities(kind, size, min_path):
    """Every puzzle of a size, as content."""
    board = board_of(kind, size)
    for tree in connected_mazes(board.neighbours, len(board.neighbours) - 1):
        passages = [[a, b] for a, doors in enumerate(tree) for b in doors if a < b]
        for start, goal in combinations(range(len(tree)), 2):
            if min_path == 2 or goal not in tree[start]:
                data = {**size, "passages": passages, "start": start, "goal": goal}
                yield MAZES[kind].identity(data)


@pytest.mark.parametrize(
    ("kind", "size"),
    [("hexagon", {"radius": 1}), ("labyrinth", {"rings": 1, "segments": 4})],
)
def test_capacity_counts_distinct_identities(kind, size):
    every = list(identities(kind, size, 3))
    assert len(set(every)) == len(every)
    assert len(every) == MAZES[kind].capacity(MAZES[kind].Config(**size))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    family=SIZES,
    algorithm=st.sampled_from(ALGORITHMS),
    endpoints=st.sampled_from(["random", "corners"]),
    seed=st.integers(0, 2**40),
)
def test_every_instance_is_a_solvable_maze_with_its_shortest_path(
    family, algorithm, endpoints, seed
):
    kind, size = family
    config = {**size, "algorithm": algorithm, "endpoints": endpoints, "min_path": 2}
    instance = draw(kind, seed=seed, **config)
    data, path = instance.data, instance.solution
    oracle, board = oracle_of(kind, size), board_of(kind, size)
    graph = nx.Graph(map(tuple, data["passages"]))
    assert data["passages"] == sorted(data["passages"])
    assert set(graph) == set(oracle)
    assert all(oracle.has_edge(a, b) and a < b for a, b in data["passages"])
    assert nx.is_connected(graph)
    assert nx.is_tree(graph) or algorithm == "braid"
    shortest = list(nx.all_shortest_paths(graph, data["start"], data["goal"]))
    assert path == min(shortest)
    if endpoints == "corners":
        assert path[-1] == board.centre
        assert path[0] in board.border
    lengths = [board.steps[step].length for step in pairwise(path)]
    straight = math.dist(board.points[path[0]], board.points[path[-1]])
    assert instance.difficulty == pytest.approx(
        {
            "path_cells": len(path),
            "path_rooms": len(path),
            "turns": turns(kind, size, path),
            "dead_ends": sum(graph.degree[cell] == 1 for cell in graph),
            "branching": sum(graph.degree[cell] > 2 for cell in path),
            "detour": sum(lengths) / straight,
            "braid": 0.5 if algorithm == "braid" else 0.0,
            "cells": len(graph),
            "n_shortest": len(shortest),
        }
    )
    assert instance.difficulty["detour"] >= 1 - 1e-9
    assert json.loads(json.dumps(data)) == data


def turns(kind, size, path):
    """Corners of the drawn line: where its direction changes at a cell's middle."""
    board = board_of(kind, size)

    def heading(a, b, at):
        """The direction of the line between two cells, in degrees, in the middle of one."""
        (x0, y0), (x1, y1) = board.points[a], board.points[b]
        along_ring = kind == "labyrinth" and 0 not in (a, b)
        if along_ring and math.isclose(math.hypot(x0, y0), math.hypot(x1, y1)):
            x, y = board.points[at]
            sense = 1 if x0 * y1 > x1 * y0 else -1
            return math.degrees(math.atan2(sense * x, -sense * y))
        return math.degrees(math.atan2(y1 - y0, x1 - x0))

    bends = [
        (heading(a, b, b) - heading(b, c, b) + 180) % 360 - 180
        for a, b, c in zip(path, path[1:], path[2:], strict=False)
    ]
    return sum(abs(bend) > 1 for bend in bends)


@pytest.mark.parametrize(
    ("kind", "config", "mean", "shortest", "longest"),
    [("hexagon", {}, 18.3, 4, 37), ("labyrinth", {}, 13.9, 4, 25)],
)
def test_dfs_with_corners_is_the_published_distribution(kind, config, mean, shortest, longest):
    config = {**config, **MAZES[kind].presets()["videothinkbench"]["config"]}
    instances = [draw(kind, index, **config) for index in range(1500)]
    lengths = [instance.difficulty["path_cells"] for instance in instances]
    assert np.mean(lengths) == pytest.approx(mean, abs=0.6)
    assert shortest <= min(lengths) and max(lengths) <= longest
    starts = Counter(instance.data["start"] for instance in instances)
    border = MAZES[kind].board({"radius": 3, "rings": 3, "segments": 8}).border
    assert set(starts) == set(border)
    assert max(starts.values()) - min(starts.values()) <= 1  # dealt out evenly


# Upper quantile of chi-square with 319 degrees of freedom, for p = 1e-3.
CHI_SQUARE = 402.9


def test_wilson_is_uniform_over_the_320_trees_of_seven_hexagons():
    graph, rng = hexagon_board(1).neighbours, stream("uniformity", "hexagon")
    counts = Counter(
        frozenset(tuple(sorted(edge)) for edge in wilson(graph, rng.below(7), rng))
        for _ in range(32_000)
    )
    assert len(counts) == 320
    assert sum((count - 100) ** 2 for count in counts.values()) / 100 < CHI_SQUARE


def symmetric_variants(kind, size, data):
    """The images of a maze under rotations and reflections, found from where its cells lie."""
    board = board_of(kind, size)
    order = 6 if kind == "hexagon" else size["segments"]
    points = np.array(board.points)
    flipped = points * (1, -1)
    for turn in range(order):
        angle = math.tau * turn / order
        matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        for base in (points, flipped):
            moved = base @ matrix.T
            images = [int(np.argmin(np.hypot(*(points - place).T))) for place in moved]
            assert np.allclose(points[images], moved)
            passages = [sorted((images[a], images[b])) for a, b in data["passages"]]
            ends = {"start": images[data["start"]], "goal": images[data["goal"]]}
            yield {**size, "passages": passages, **ends}


@pytest.mark.parametrize(
    ("kind", "size", "order"),
    [
        ("hexagon", {"radius": 2}, 12),
        ("hexagon", {"radius": 3}, 12),
        ("labyrinth", {"rings": 2, "segments": 5}, 10),
        ("labyrinth", {"rings": 3, "segments": 8}, 16),
    ],
)
def test_symmetric_variants_share_the_canonical_identity(kind, size, order):
    maze = MAZES[kind]
    for index in range(5):
        data = draw(kind, index, **size).data
        own = list(maze.symmetries(data))
        variants = list(symmetric_variants(kind, size, data))
        found = {maze.identity(variant) for variant in variants}
        assert len(own) == len(variants) == order
        assert own[0] == maze.identity(data)
        assert found == set(own)
        assert {min(maze.symmetries(variant)) for variant in variants} == {min(own)}


@pytest.mark.parametrize("kind", MAZES)
def test_identity_ignores_which_end_is_the_start_and_nothing_else(kind):
    maze, data = MAZES[kind], draw(kind).data
    own = maze.identity(data)
    assert maze.identity({**data, "start": data["goal"], "goal": data["start"]}) == own
    assert maze.identity({**data, "passages": data["passages"][::-1]}) == own
    assert maze.identity({**data, "layout": {"cell": 20}}) == own
    other = next(cell for cell in range(20) if cell not in (data["start"], data["goal"]))
    assert maze.identity({**data, "goal": other}) != own
    assert maze.identity({**data, "passages": data["passages"][1:]}) != own


def test_solution_keys_differ_between_sizes():
    keys = {
        MAZES[kind].solution_key(draw(kind, **config))
        for kind, config in (
            ("hexagon", {"radius": 2}),
            ("hexagon", {"radius": 3}),
            ("labyrinth", {"segments": 6}),
            ("labyrinth", {"segments": 8}),
        )
    }
    assert len(keys) == 4
    assert any(key.startswith("3x8 maze_labyrinth [") for key in keys)


def test_paths_stay_in_the_band():
    lengths = {
        draw("hexagon", i, min_path=5, max_path=6).difficulty["path_rooms"] for i in range(40)
    }
    assert lengths == {5, 6}
    with pytest.raises(VtbError, match="in 1000 mazes") as error:
        draw("labyrinth", 7, endpoints="corners", min_path=2, max_path=3)
    assert "maze_labyrinth, index 7" in error.value.fact
    assert error.value.hint.endswith("another number of rings")


@pytest.mark.parametrize(
    ("kind", "config", "message", "hint"),
    [
        ("hexagon", {"radius": 0}, "`radius` = 0 is not valid", "greater than or equal to 1"),
        ("labyrinth", {"segments": 2}, "`segments` = 2 is not valid", "greater than or equal to 3"),
        ("labyrinth", {"rings": 0}, "`rings` = 0 is not valid", "greater than or equal to 1"),
        ("hexagon", {"min_path": 38}, "`--min-path 38` is longer than the maze", "larger radius"),
        ("labyrinth", {"max_path": 2}, "`--max-path 2` is below `--min-path 3`", "--max-path 3"),
        ("hexagon", {"endpoints": "centre"}, "`endpoints` = 'centre' is not valid", "random"),
        ("labyrinth", {"ring": 3}, "unknown key `ring`", "did you mean `rings`?"),
    ],
)
def test_wrong_configurations(kind, config, message, hint):
    with pytest.raises(UsageError) as error:
        parse(MAZES[kind].Config, config, "command line")
    assert error.value.message == message
    assert hint in error.value.hint


def test_a_board_numbers_its_edges_in_ascending_order():
    board = hexagon_board(2)
    assert isinstance(board, Board)
    assert list(board.edges) == sorted(board.edges)
    assert board.opened([list(board.edges[3]), list(board.edges[7])]).nonzero()[0].tolist() == [
        3,
        7,
    ]
