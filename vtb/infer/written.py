"""The clips and pictures in a folder of predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtb.core.files import (
    append_line,
    atomic_write,
    atomic_write_json,
    read_json_lines,
    sha256_file,
)
from vtb.core.types import PredictionKind
from vtb.data.names import sample_file
from vtb.infer.batches import Order
from vtb.infer.folder import LIST_NAME

SUFFIXES: Mapping[PredictionKind, str] = {"video": ".mp4", "image": ".png"}


def finished(out: Path) -> dict[str, str | None]:
    """The drawing that each whole file was made for, by sample id; the last of its lines counts."""
    rows = {row["sample_id"]: row for row in read_json_lines(out / LIST_NAME)}
    return {name: row.get("drawing") for name, row in rows.items() if _is_whole(out, row)}


def write_prediction(
    out: Path,
    order: Order,
    kind: PredictionKind,
    content: bytes,
    *,
    origin: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Writes an encoded clip or picture, its sidecar and its line, in that order.

    `origin` is the model and its LoRAs, for the sidecar and the line; `facts` are for the sidecar.
    """
    path = sample_file(out, order.job.sample_id, SUFFIXES[kind])
    atomic_write(path, content)
    whence = {**origin, "seed": order.seed}
    named = {"sample_id": order.job.sample_id, "prompt": order.job.prompt}
    size = {"generated_size": list(order.fit.target)}
    atomic_write_json(path.with_suffix(".json"), {**named, **facts, **whence, **size})
    line = {
        "sample_id": order.job.sample_id,
        "kind": kind,
        "path": path.name,
        **whence,
        "sha256": hashlib.sha256(content).hexdigest(),
        "drawing": order.drawing,
    }
    append_line(out / LIST_NAME, json.dumps(line))


def _is_whole(out: Path, row: Mapping[str, Any]) -> bool:
    path = out / row["path"]
    return path.is_file() and sha256_file(path) == row["sha256"]
