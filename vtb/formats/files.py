"""Plain folders of pictures and clips, and one JSON line per sample: for tools of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vtb.core.types import Json
from vtb.formats.record import Record

LIST_NAME = "samples.jsonl"


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `samples.jsonl` and the folders its paths name; they are relative to `root`.

    `image_vlm` and `video` are null where a sample has none.
    """
    with (root / LIST_NAME).open("w", encoding="utf-8") as file:
        for record in records:
            line = _line(record) | _write_media(record, root)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _line(record: Record) -> dict[str, Json]:
    return {
        "id": record.id,
        "split": record.split,
        "task_type": record.instance.task,
        "task_group": record.task_group,
        "prompts": dict(record.prompts),
        "answer": record.answer,
        "instance": asdict(record.instance),
    }


def _write_media(record: Record, root: Path) -> dict[str, str | None]:
    """The path fields of a line, once their files are written."""
    contents = {
        "image": (f"images/{record.id}.png", record.puzzle),
        "image_vlm": (f"images_vlm/{record.id}.png", record.reasoning),
        "solution": (f"solutions/{record.id}.png", record.solution),
        "video": (f"videos/{record.id}.mp4", record.video),
    }
    paths: dict[str, str | None] = {}
    for field, (path, content) in contents.items():
        paths[field] = None if content is None else path
        if content is not None:
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_bytes(content)
    return paths
