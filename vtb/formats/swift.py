"""ms-swift's JSON lines for supervised fine-tuning (SFT) and reinforcement learning (GRPO).

Paths are relative to the folder: start ms-swift with `ROOT_IMAGE_DIR` set to it. Column names stay
clear of those that ms-swift takes for prompt or response, such as `answer` or `prompt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path

from vtb.core.answers import wrap
from vtb.core.types import Json
from vtb.formats.record import Record

IMAGE_TAG = "<image>"


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `<split>_sft.jsonl` and `<split>_grpo.jsonl`, and the pictures in `images/`.

    Splits have files of their own, so that nobody trains on test puzzles by accident. Only SFT
    lines hold the assistant's turn; `solution` and `instance` are what rewards are made from.
    """
    (root / "images").mkdir()
    with ExitStack() as stack:
        files: dict[str, TextIOWrapper] = {}
        for record in records:
            image = f"images/{record.id}.png"
            (root / image).write_bytes(record.shown)
            question, answer = _turns(record)
            for method, messages in (("sft", [question, answer]), ("grpo", [question])):
                name = f"{record.split}_{method}.jsonl"
                if name not in files:
                    files[name] = stack.enter_context((root / name).open("w", encoding="utf-8"))
                line = json.dumps(_line(record, messages, image), ensure_ascii=False)
                files[name].write(line + "\n")


def _line(record: Record, messages: list[dict[str, str]], image: str) -> dict[str, Json]:
    return {
        "id": record.id,
        "messages": messages,
        "images": [image],
        "solution": record.answer,
        "task_type": record.instance.task,
        "task_group": record.task_group,
        # A string, because one file may hold several tasks and a column has one type.
        "instance": json.dumps(asdict(record.instance), separators=(",", ":")),
    }


def _turns(record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """The user's question and the assistant's answer."""
    return (
        {"role": "user", "content": IMAGE_TAG + record.prompts["vlm"]},
        {"role": "assistant", "content": wrap(record.answer)},
    )
