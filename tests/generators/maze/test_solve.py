import networkx as nx

from generators.maze.carve import carve, opened_graph
from generators.maze.grid import square_grid
from generators.maze.solve import count_shortest_paths, distances, shortest_path
from vtb.core.rng import stream


def mazes():
    graph = square_grid(11, 13).neighbours
    for seed in range(30):
        rng = stream("solve", seed)
        opened = opened_graph(len(graph), carve(graph, "braid", 0, rng.random(), rng))
        yield opened, rng.below(len(graph)), rng.below(len(graph))
    yield list(graph), 0, len(graph) - 1  # all walls open: many shortest paths


def test_solver_agrees_with_networkx():
    several = 0
    for opened, start, goal in mazes():
        oracle = nx.Graph([(a, b) for a, doors in enumerate(opened) for b in doors])
        paths = list(nx.all_shortest_paths(oracle, start, goal))
        assert shortest_path(opened, start, goal) == min(paths)
        assert count_shortest_paths(opened, start, goal) == len(paths)
        lengths = nx.single_source_shortest_path_length(oracle, start)
        assert distances(opened, start) == [lengths[room] for room in range(len(opened))]
        several += len(paths) > 1
    assert several > 3


def test_unreachable_rooms():
    split = [[1], [0], [3], [2]]
    assert distances(split, 0) == [0, 1, -1, -1]
    assert shortest_path(split, 0, 3) == []
    assert count_shortest_paths(split, 0, 3) == 0
    assert shortest_path(split, 2, 2) == [2]
