"""Which puzzles of one dataset stand in another, or twice in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vtb.core import registry
from vtb.data.rows import instance_from_json
from vtb.data.store import Dataset

EXAMPLES = 10


class Keys(NamedTuple):
    """What makes a sample equal to another: content, content up to symmetry, and solution.

    The solution is None where it is no path or grid: equal letters say nothing.
    """

    id: str
    task: str
    split: str
    exact: str
    symmetric: str
    solution: str | None


def overlap(a: Dataset, b: Dataset, split_a: str = "all", split_b: str = "all") -> dict[str, Any]:
    """Counts samples of `b` that stand in `a`: exactly, up to symmetry, or with equal solution.

    Examples are pairs of ids that are equal up to symmetry.
    """
    keys_a = list(keys(a, split_a))
    keys_b = list(keys(b, split_b))
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


def repeats(found: Sequence[Keys]) -> dict[str, int]:
    """Counts within one dataset.

    `near_duplicates` are distinct puzzles beyond the first of those equal up to symmetry;
    `split_leaks` puzzles that stand, up to symmetry, in more than one split; `shared_solutions`
    samples of validation and test whose solution also solves a puzzle of train.
    """
    distinct = {key.exact for key in found}
    splits: dict[str, set[str]] = {}
    for key in found:
        splits.setdefault(key.symmetric, set()).add(key.split)
    trained = {key.solution for key in found if key.split == "train" and key.solution}
    return {
        "n": len(found),
        "distinct": len(distinct),
        "duplicates": len(found) - len(distinct),
        "near_duplicates": len(distinct) - len(splits),
        "split_leaks": sum(len(names) > 1 for names in splits.values()),
        "shared_solutions": sum(k.split != "train" and k.solution in trained for k in found),
    }


def keys(dataset: Dataset, split: str = "all") -> Iterator[Keys]:
    """The keys of every sample, in row order."""
    for row in dataset.rows(split, columns=["id", "task", "split", "instance"]):
        instance = instance_from_json(row["instance"])
        generator = registry.load(instance.generator)
        compared = generator.answer_kind in ("int_list", "grid")
        solution = generator.solution_key(instance) if compared else None
        yield Keys(
            row["id"],
            row["task"],
            row["split"],
            instance.fingerprint,
            instance.canonical,
            solution,
        )
