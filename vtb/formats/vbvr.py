"""VBVR's layout: one folder per sample with first frame, final frame, clip and prompt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vtb.formats.record import Record


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `<id>/` for each record; raises UnreadableError at one without a video.

    `metadata.json` holds what VBVR leaves to the author of a task: the answer and the whole
    symbolic puzzle.
    """
    for record in records:
        folder = root / record.id
        folder.mkdir()
        (folder / "first_frame.png").write_bytes(record.puzzle)
        (folder / "final_frame.png").write_bytes(record.solution)
        (folder / "ground_truth.mp4").write_bytes(record.clip())
        (folder / "prompt.txt").write_text(record.prompts["video"], encoding="utf-8")
        (folder / "metadata.json").write_text(_metadata(record), encoding="utf-8")


def _metadata(record: Record) -> str:
    metadata = {
        "id": record.id,
        "task_type": record.instance.task,
        "task_group": record.task_group,
        "answer": record.answer,
        "instance": asdict(record.instance),
    }
    return json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
