from collections import Counter

import networkx as nx
import pytest

from generators.maze.capacity import connected_mazes, count_spanning_trees, maze_capacity
from generators.maze.grid import square_grid
from generators.maze.solve import distances
from generators.maze.square import SquareMaze

MAZE = SquareMaze()


def rooms(size):
    return square_grid(size, size).neighbours


@pytest.mark.parametrize(
    ("size", "trees"),
    [
        (5, 4),
        (7, 192),
        (9, 100_352),
        (11, 557_568_000),
        (13, 32_565_539_635_200),
        (15, 19_872_369_301_840_986_112),
        (17, 126_231_322_912_498_539_682_594_816),
    ],
)
def test_number_of_spanning_trees(size, trees):
    assert count_spanning_trees(rooms(size)) == trees


def test_spanning_trees_of_other_graphs():
    petersen = nx.petersen_graph()
    assert count_spanning_trees([sorted(petersen[i]) for i in range(10)]) == 2000
    assert count_spanning_trees([[]]) == 1
    assert count_spanning_trees(square_grid(5, 21).neighbours) == round(
        nx.number_of_spanning_trees(nx.grid_2d_graph(2, 10))
    )


def test_distances_in_the_trees_of_3x3_rooms():
    moves = Counter(
        distance
        for tree in connected_mazes(rooms(7), 8)
        for room in range(9)
        for distance in distances(tree, room)[room + 1 :]
    )
    assert [moves[d] for d in range(1, 9)] == [1536, 1636, 1536, 1108, 640, 308, 128, 20]


@pytest.mark.parametrize(
    ("config", "capacity"),
    [
        ({"rows": 5, "cols": 5}, 12),
        ({"rows": 7, "cols": 7}, 5_376),
        ({"rows": 7, "cols": 7, "algorithm": "kruskal"}, 5_376),
        ({"rows": 7, "cols": 7, "endpoints": "corners"}, 192),
        ({"rows": 7, "cols": 7, "min_path": 2}, 6_912),
        ({"rows": 7, "cols": 7, "min_path": 8}, 148),
        ({"rows": 7, "cols": 7, "min_path": 4, "max_path": 5}, 2_644),
        ({}, 10_536_960),
        ({"endpoints": "corners"}, 100_352),
        ({"rows": 401, "cols": 401}, None),
    ],
)
def test_capacity(config, capacity):
    assert MAZE.capacity(MAZE.Config(**config)) == capacity


def test_enumeration_agrees_with_the_formula_where_both_apply():
    graph = rooms(7)
    assert maze_capacity(graph, min_path=3) == count_spanning_trees(graph) * (36 - 8)
    assert maze_capacity(graph, min_path=2) == count_spanning_trees(graph) * 36


def test_capacity_of_braids_is_a_bound():
    graph = nx.grid_2d_graph(2, 2)
    connected = sum(
        nx.is_connected(nx.Graph(graph.edge_subgraph(subset).edges))
        and graph.edge_subgraph(subset).number_of_nodes() == 4
        for subset in ([e for i, e in enumerate(graph.edges) if m >> i & 1] for m in range(1, 16))
    )
    config = MAZE.Config(rows=5, cols=5, algorithm="braid", min_path=2)
    assert MAZE.capacity(config) == connected * 6
    larger = MAZE.capacity(MAZE.Config(algorithm="braid"))
    assert larger is not None and larger > MAZE.capacity(MAZE.Config())
