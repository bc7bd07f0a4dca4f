"""Which puzzles of one dataset stand in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from vtb.core import registry
from vtb.data.rows import instance_from_json
from vtb.data.store import Dataset

EXAMPLES = 10


class _Keys(NamedTuple):
    id: str
    exact: str
    symmetric: str
    solution: str | None


def overlap(a: Dataset, b: Dataset, split_a: str = "all", split_b: str = "all") -> dict[str, Any]:
    """Counts samples of `b` that stand in `a`: exactly, up to symmetry, or with equal solution.

    The solution is compared where it is a path or a grid; equal letters say nothing. Examples
    are pairs of ids that are equal up to symmetry.
    """
    keys_a = list(_keys(a, split_a))
    keys_b = list(_keys(b, split_b))
    exact = {key.exact for key in keys_a}
    symmetric = {key.symmetric: key.id for key in keys_a}
    solutions = {key.solution for key in keys_a if key.solution}
    pairs = [[symmetric[k.symmetric], k.id] for k in keys_b if k.symmetric in symmetric]
    return {
        "a": str(a.path),
        "b": str(b.path),
        "n_a": len(keys_a),
        "n_b": len(keys_b),
        "exact": sum(key.exact in exact for key in keys_b),
        "symmetric": len(pairs),
        "solution": sum(key.solution in solutions for key in keys_b if key.solution),
        "examples": pairs[:EXAMPLES],
    }


def _keys(dataset: Dataset, split: str) -> Iterator[_Keys]:
    for row in dataset.rows(split, columns=["id", "instance"]):
        instance = instance_from_json(row["instance"])
        generator = registry.load(instance.generator)
        compared = generator.answer_kind in ("int_list", "grid")
        solution = generator.solution_key(instance) if compared else None
        yield _Keys(row["id"], instance.fingerprint, instance.canonical, solution)
