"""The audit of a dataset: what shortcuts guess, how labels are spread, which puzzles repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vtb.core import registry
from vtb.core.files import read_json
from vtb.core.generator import AnswerKind
from vtb.data.offers import Offered, gather
from vtb.data.overlap import Keys, keys, repeats
from vtb.data.probes import label_p
from vtb.data.request import REQUEST_NAME, Task
from vtb.data.shortcuts import Shortcut, nested, percent, shortcuts
from vtb.data.stat import difficulty, labels
from vtb.data.store import Dataset

BINS = 10
# Of fair datasets one in a thousand has labels as unequal as this.
MIN_LABEL_P = 0.001


def audit(dataset: Dataset, fail_above: float = 0.1) -> dict[str, Any]:
    """The JSON of `vtb data audit`.

    Faults are: a limited shortcut that surely beats chance by more than `fail_above`, by the lower
    end of its 99.9 % interval; unequal letters (chi-square, p at most 0.001), but not unequal
    words, since those name what is drawn; puzzles that stand, up to symmetry, in more than one
    split; duplicates that were not asked for; more distinct puzzles than exist; answers that are
    not among their options.
    """
    request = read_json(dataset.path / REQUEST_NAME)
    made_by = [Task(**record) for record in request["tasks"]]
    generators = [registry.load(task.generator) for task in made_by]
    kinds: dict[str, AnswerKind] = {g.task: g.answer_kind for g in generators}
    offered = gather(dataset)
    found = shortcuts(offered, kinds)
    tasks = _tasks(dataset, _capacities(made_by), offered)
    worst = max((s for s in found if s.limited), key=lambda s: s.sure_excess, default=None)
    faults = [
        *_shortcut_faults(found, fail_above),
        *_label_faults(tasks, kinds),
        *_content_faults(tasks, allow_duplicates=request["allow_duplicates"]),
    ]
    return {
        "path": str(dataset.path),
        "n": dataset.count(),
        "ok": not faults,
        "heuristics": nested(found),
        "worst": worst and {"heuristic": worst.heuristic, "task": worst.task, **worst.payload()},
        "tasks": tasks,
        "faults": faults,
    }


def _tasks(
    dataset: Dataset, capacities: Mapping[str, int | None], offered: Mapping[str, Offered]
) -> dict[str, dict[str, Any]]:
    """What is counted of each task, shortcuts aside."""
    found: dict[str, list[Keys]] = {}
    for key in keys(dataset):
        found.setdefault(key.task, []).append(key)
    label_counts, values = labels(dataset), difficulty(dataset)
    return {
        task: {
            **repeats(found[task]),
            "capacity": capacities[task],
            "labels": label_counts.get(task, {}),
            "label_p": label_p(offered[task].groups) if task in offered else None,
            "strays": offered[task].strays if task in offered else 0,
            "difficulty": {name: _histogram(series) for name, series in values[task].items()},
        }
        for task in sorted(found)
    }


def _capacities(made_by: Sequence[Task]) -> dict[str, int | None]:
    """Distinct puzzles that exist, by task; the same configuration twice has them once."""
    stocks: dict[str, dict[str, int | None]] = {}
    for task in made_by:
        config = json.dumps(task.config, sort_keys=True)
        stocks.setdefault(registry.load(task.generator).task, {})[config] = task.capacity()
    totals: dict[str, int | None] = {}
    for name, stock in stocks.items():
        known = [capacity for capacity in stock.values() if capacity is not None]
        totals[name] = sum(known) if len(known) == len(stock) else None
    return totals


def _histogram(series: Sequence[float]) -> dict[str, Any]:
    counts, edges = np.histogram(series, BINS)
    return {"low": float(edges[0]), "high": float(edges[-1]), "counts": counts.tolist()}


def _shortcut_faults(found: Sequence[Shortcut], fail_above: float) -> Iterator[str]:
    for s in found:
        if s.limited and s.sure_excess > fail_above:
            yield (
                f"{s.task}: {s.heuristic} is right in {percent(s.accuracy)} % of {s.n:,} "
                f"(99.9 %: {percent(s.interval.low)}-{percent(s.interval.high)}), "
                f"chance {percent(s.chance)} %"
            )


def _label_faults(
    tasks: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, AnswerKind]
) -> Iterator[str]:
    for name, task in tasks.items():
        p = task["label_p"]
        if kinds[name] == "letter" and p is not None and p <= MIN_LABEL_P:
            yield f"{name}: letters are not equally often right, p {p:.1g}"


def _content_faults(
    tasks: Mapping[str, Mapping[str, Any]], *, allow_duplicates: bool
) -> Iterator[str]:
    for name, task in tasks.items():
        if task["split_leaks"]:
            yield f"{name}: {task['split_leaks']:,} puzzles stand in more than one split"
        if task["duplicates"] and not allow_duplicates:
            yield f"{name}: {task['duplicates']:,} duplicates"
        if task["capacity"] is not None and task["distinct"] > task["capacity"]:
            yield f"{name}: {task['distinct']:,} distinct puzzles, but {task['capacity']:,} exist"
        if task["strays"]:
            yield f"{name}: {task['strays']:,} answers are not among their options"
