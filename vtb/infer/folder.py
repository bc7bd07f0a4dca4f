"""A folder of predictions: what it was made with, and the list of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vtb.core.errors import ConflictError
from vtb.run.settings import record_settings

RECORD_NAME, LIST_NAME = "infer.json", "predictions.jsonl"
# Recorded, but a change of them spoils no prediction: paths and addresses may move, and a data set
# may grow, since every prediction is listed with the drawing of its own puzzle.
DESCRIPTIVE = (
    "model",
    "lora",
    "lora_low",
    "base_url",
    "data",
    "manifest_hash",
    "split",
    "versions",
)


def require_same_settings(
    out: Path, record: Mapping[str, Any], *, has_predictions: Callable[[], bool], force: bool
) -> None:
    """Writes `infer.json`; raises ConflictError when predictions were made with other settings.

    With `force` they are no longer listed. A folder in which nothing was made is free for another
    try; whether there is something is asked only when the settings differ.
    """
    path = out / RECORD_NAME
    try:
        record_settings(path, record, free=DESCRIPTIVE)
    except ConflictError:
        if not force and has_predictions():
            raise
        # The list goes before the new record is there: never old predictions under new settings.
        (out / LIST_NAME).unlink(missing_ok=True)
        record_settings(path, record, force=True)
