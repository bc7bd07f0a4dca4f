"""ms-swift's JSON lines for supervised fine-tuning (SFT) and reinforcement learning (GRPO).

Paths are relative to the folder: start ms-swift with `ROOT_IMAGE_DIR` set to it. Column names stay
clear of those that ms-swift takes for prompt or response, such as `answer` or `prompt`: ours begin
with `vtb_`, and `solution` is one that it hands on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path

from vtb.core.answers import wrap
from vtb.core.types import Json
from vtb.formats.record import Record

IMAGE_TAG = "<image>"


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `<split>_sft.jsonl` and `<split>_grpo.jsonl`, and the pictures in `images/`.

    Splits have files of their own, so that nobody trains on test puzzles by accident. Only SFT
    lines hold the assistant's turn, only GRPO lines the puzzle that rewards are made from.
    """
    (root / "images").mkdir()
    with ExitStack() as stack:
        files: dict[str, TextIOWrapper] = {}
        for record in records:
            image = f"images/{record.id}.png"
            (root / image).write_bytes(record.shown)
            question, answer = _turns(record)
            # A string, because one file may hold several tasks and a column has one type.
            puzzle = {"vtb_instance": record.instance.to_json()}
            for method, fields in (
                ("sft", {"messages": [question, answer]}),
                ("grpo", {"messages": [question], **puzzle}),
            ):
                name = f"{record.split}_{method}.jsonl"
                if name not in files:
                    files[name] = stack.enter_context((root / name).open("w", encoding="utf-8"))
                line = json.dumps(_line(record, image) | fields, ensure_ascii=False)
                files[name].write(line + "\n")


def _line(record: Record, image: str) -> dict[str, Json]:
    return {
        "images": [image],
        "solution": record.answer,
        "vtb_id": record.id,
        "vtb_task": record.instance.task,
    }


def _turns(record: Record) -> tuple[dict[str, str], dict[str, str]]:
    """The user's question and the assistant's answer."""
    return (
        {"role": "user", "content": IMAGE_TAG + record.prompts["vlm"]},
        {"role": "assistant", "content": wrap(record.answer)},
    )
