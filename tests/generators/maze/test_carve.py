from collections import Counter
from functools import partial

import networkx as nx
import pytest

from generators.maze.carve import braid, carve, dfs, edges_of, kruskal, opened_graph, prim, wilson
from generators.maze.grid import square_grid
from vtb.core.rng import stream

ALGORITHMS = {
    "wilson": partial(wilson),
    "dfs": partial(dfs),
    "prim": partial(prim),
    "kruskal": lambda graph, _root, rng: kruskal(graph, rng),
}
GRAPHS = {
    "square": square_grid(13, 9).neighbours,
    "ring": [[11, 1], *[[i - 1, i + 1] for i in range(1, 11)], [10, 0]],
    "petersen": [sorted(nx.petersen_graph()[i]) for i in range(10)],
}


def as_networkx(num_rooms, edges):
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(num_rooms))
    return graph


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", GRAPHS)
def test_every_algorithm_gives_a_spanning_tree(algorithm, name):
    graph = GRAPHS[name]
    for seed in range(20):
        edges = ALGORITHMS[algorithm](graph, seed % len(graph), stream(algorithm, name, seed))
        assert nx.is_tree(as_networkx(len(graph), edges))
        assert len(edges) == len(graph) - 1
        assert all(b in graph[a] for a, b in edges)


def tree_counts(algorithm, rooms, draws):
    graph = square_grid(2 * rooms + 1, 2 * rooms + 1).neighbours
    rng = stream("uniformity", algorithm, rooms)
    carver = ALGORITHMS[algorithm]
    return Counter(
        frozenset(tuple(sorted(edge)) for edge in carver(graph, rng.below(len(graph)), rng))
        for _ in range(draws)
    )


# Upper quantiles of chi-square with 191 degrees of freedom, for p = 1e-3 and 1e-6.
CHI_SQUARE_1E3, CHI_SQUARE_1E6 = 257.1, 298.7


def chi_square(counts, num_trees, draws):
    expected = draws / num_trees
    seen = sum((count - expected) ** 2 for count in counts.values()) / expected
    return seen + (num_trees - len(counts)) * expected


def test_wilson_is_uniform_over_the_192_trees_of_3x3_rooms():
    counts = tree_counts("wilson", 3, 40_000)
    assert len(counts) == 192
    assert chi_square(counts, 192, 40_000) < CHI_SQUARE_1E3


@pytest.mark.parametrize("algorithm", ["dfs", "prim", "kruskal"])
def test_the_same_test_rejects_the_other_algorithms(algorithm):
    assert chi_square(tree_counts(algorithm, 3, 10_000), 192, 10_000) > CHI_SQUARE_1E6


def test_all_four_trees_of_2x2_rooms_are_reached():
    assert len(tree_counts("wilson", 2, 200)) == 4


def dead_ends(num_rooms, edges):
    return {room for room, doors in enumerate(opened_graph(num_rooms, edges)) if len(doors) == 1}


def test_braid_opens_the_share_of_dead_ends_it_is_told_to():
    graph = square_grid(21, 21).neighbours
    for seed in range(10):
        tree = wilson(graph, 0, stream("tree", seed))
        before = dead_ends(len(graph), tree)
        assert braid(graph, tree, 0.0, stream("b")) == tree
        half = braid(graph, tree, 0.5, stream("b", seed))
        assert half[: len(tree)] == tree
        assert all(a in before for a, _ in half[len(tree) :])
        assert len(dead_ends(len(graph), half)) <= len(before) - round(0.5 * len(before))
        assert len(half) - len(tree) <= round(0.5 * len(before))
        assert not dead_ends(len(graph), braid(graph, tree, 1.0, stream("b", seed)))
        assert len({frozenset(edge) for edge in half}) == len(half)


@pytest.mark.parametrize("algorithm", ["wilson", "dfs", "prim", "kruskal", "braid"])
def test_the_largest_maze_is_carved_without_recursion(algorithm):
    graph = square_grid(401, 401).neighbours
    edges = carve(graph, algorithm, 0, 0.5, stream("large", algorithm))
    assert nx.is_connected(as_networkx(len(graph), edges))
    assert (len(edges) == len(graph) - 1) == (algorithm != "braid")


def test_edges_of_lists_every_edge_once():
    assert sorted(edges_of(GRAPHS["petersen"])) == sorted(
        tuple(sorted(e)) for e in nx.petersen_graph().edges
    )
