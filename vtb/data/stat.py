"""What a dataset holds, in numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
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
        "labels": _labels(dataset, tasks),
        "difficulty": _difficulty(dataset),
        "media": _media(dataset),
        "bytes": sum(shard.bytes for shard in dataset.shards),
    }


def _labels(dataset: Dataset, tasks: Sequence[str]) -> dict[str, dict[str, int]]:
    """Counts of answers per task, where an answer is one of a few labels."""
    instance = instance_from_json(next(dataset.rows(columns=["instance"], limit=1))["instance"])
    if registry.load(instance.generator).answer_kind not in ("letter", "choice"):
        return {}
    counts: dict[str, Counter[str]] = {}
    for task, answer in zip(tasks, dataset.column("answer"), strict=True):
        counts.setdefault(task, Counter())[answer] += 1
    return {task: dict(sorted(count.items())) for task, count in counts.items()}


def _difficulty(dataset: Dataset) -> dict[str, dict[str, float]]:
    values: dict[str, list[float]] = {}
    for text in dataset.column("difficulty"):
        for name, value in json.loads(text).items():
            values.setdefault(name, []).append(value)
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
