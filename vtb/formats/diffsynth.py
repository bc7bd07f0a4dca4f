"""DiffSynth-Studio's video dataset: `metadata.csv` beside the files it names.

`video` and `prompt` come first because they are all that DiffSynth needs; give the directory as
its dataset base path. The further columns are those of VideoThinkBench's training set.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from vtb.formats.record import Record

METADATA_NAME = "metadata.csv"
COLUMNS: tuple[str, ...] = (
    "video",
    "prompt",
    "input_image",
    "task_type",
    "task_group",
    "id",
    "ti2ti_text",
    "ti2ti_image",
)


def write_videos(records: Iterable[Record], root: Path) -> None:
    """Writes `metadata.csv`, every field quoted, with paths relative to `root`.

    Raises UnreadableError at a record without a video.
    """
    for name in ("videos", "images", "solutions"):
        (root / name).mkdir()
    with (root / METADATA_NAME).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\n")
        table.writeheader()
        for record in records:
            table.writerow(_row(record) | _write_media(record, root))


def _row(record: Record) -> dict[str, str]:
    return {
        "prompt": record.prompts["video"],
        "task_type": record.instance.task,
        "task_group": record.task_group,
        "id": record.id,
        "ti2ti_text": record.answer_sentence,
    }


def _write_media(record: Record, root: Path) -> dict[str, str]:
    """The path columns of one row, once their files are written."""
    paths = {
        "video": f"videos/{record.id}.mp4",
        "input_image": f"images/{record.id}.png",
        "ti2ti_image": f"solutions/{record.id}.png",
    }
    (root / paths["video"]).write_bytes(record.clip())
    (root / paths["input_image"]).write_bytes(record.puzzle)
    (root / paths["ti2ti_image"]).write_bytes(record.solution)
    return paths
