"""What a dataset holds, in numbers."""

from __future__ import annotations

import json
from collections import Counter
from statistics import median
from typing import Any

from vtb.core import registry
from vtb.data.rows import instance_from_json
from vtb.data.store import Dataset


def stat(dataset: Dataset) -> dict[str, Any]:
    """Counts, labels, difficulty, clip geometry and bytes: the JSON of `vtb data stat`."""
    tasks = dataset.column("task")
    splits = Counter(dataset.column("split"))
    return {
        "path": str(dataset.path),
        "count": dataset.count(),
        "splits": {split: splits[split] for split in ("train", "validation", "test")},
        "tasks": dict(sorted(Counter(tasks).items())),
        "unique": len(set(dataset.column("fingerprint"))),
        "labels": labels(dataset),
        "difficulty": _quantiles(dataset),
        "media": _media(dataset),
        "bytes": sum(shard.bytes for shard in dataset.shards),
    }


def labels(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Counts of answers per task, where an answer is one of a few labels."""
    labelled = _labelled(dataset)
    counts = {task: Counter[str]() for task in sorted(labelled)}
    for task, answer in zip(dataset.column("task"), dataset.column("answer"), strict=True):
        if task in labelled:
            counts[task][answer] += 1
    return {task: dict(sorted(count.items())) for task, count in counts.items()}


def difficulty(dataset: Dataset) -> dict[str, dict[str, list[float]]]:
    """The values of every named number, by task, in row order."""
    values: dict[str, dict[str, list[float]]] = {}
    for task, text in zip(dataset.column("task"), dataset.column("difficulty"), strict=True):
        named = values.setdefault(task, {})
        for name, value in json.loads(text).items():
            named.setdefault(name, []).append(value)
    return values


def _labelled(dataset: Dataset) -> set[str]:
    """The tasks whose answers are labels, found in their first rows."""
    num_tasks = len(set(dataset.column("task")))
    kinds: dict[str, str] = {}
    for row in dataset.rows(columns=["task", "instance"]):
        if row["task"] not in kinds:
            generator = instance_from_json(row["instance"]).generator
            kinds[row["task"]] = registry.load(generator).answer_kind
            if len(kinds) == num_tasks:
                break
    return {task for task, kind in kinds.items() if kind in ("letter", "choice")}


def _quantiles(dataset: Dataset) -> dict[str, dict[str, float]]:
    values: dict[str, list[float]] = {}
    for named in difficulty(dataset).values():
        for name, found in named.items():
            values.setdefault(name, []).extend(found)
    return {
        name: {"min": min(found), "p50": median(found), "max": max(found)}
        for name, found in sorted(values.items())
    }


def _media(dataset: Dataset) -> dict[str, Any]:
    """Geometry of the first sample; `frames` and `fps` are null without videos."""
    from vtb.media.image import decode_image
    from vtb.media.video import probe

    row = next(dataset.rows(columns=["image", "video"], limit=1))
    height, width = decode_image(row["image"]["bytes"]).shape[:2]
    info = probe(row["video"]["bytes"]) if row["video"] else None
    return {
        "width": width,
        "height": height,
        "frames": info.num_frames if info else None,
        "fps": info.fps if info else None,
    }
