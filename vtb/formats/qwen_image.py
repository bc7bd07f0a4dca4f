"""DiffSynth-Studio's dataset for image editing with Qwen-Image: a JSON list beside its pictures.

Give the folder as DiffSynth's dataset base path and `metadata.json` as its metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from vtb.core.types import Json
from vtb.formats.record import Record

METADATA_NAME = "metadata.json"


def write_edits(records: Iterable[Record], root: Path) -> None:
    """Writes `metadata.json` with paths relative to `root`, `images/` and `solutions/`.

    `image` is what shall come out, the solution; `edit_image` lists what is edited, the puzzle
    alone. It is a list because Qwen-Image-Edit-2509 and -2511 build another prompt for one.
    """
    for name in ("images", "solutions"):
        (root / name).mkdir()
    rows = [_row(record, root) for record in records]
    text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    (root / METADATA_NAME).write_text(text, encoding="utf-8")


def _row(record: Record, root: Path) -> dict[str, Json]:
    puzzle, solution = f"images/{record.id}.png", f"solutions/{record.id}.png"
    (root / puzzle).write_bytes(record.puzzle)
    (root / solution).write_bytes(record.solution)
    return {
        "id": record.id,
        "prompt": record.prompts["image"],
        "image": solution,
        "edit_image": [puzzle],
        "task_type": record.instance.task,
        "task_group": record.task_group,
    }
