"""ms-swift's JSON lines for supervised fine-tuning (SFT) and reinforcement learning (GRPO).

Paths are relative to the folder: start ms-swift with `ROOT_IMAGE_DIR` set to it. It does not heed
that for the frames of clips: with those, use our plugin, or start it in the folder. Column names
stay clear of those that ms-swift takes for prompt or response, such as `answer` or `prompt`: ours
begin with `vtb_`, and `solution` is one that it hands on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import TypeAlias

from vtb.core.answers import wrap
from vtb.core.types import Json
from vtb.formats.record import Record

IMAGE_TAG, VIDEO_TAG = "<image>", "<video>"
# The tag of what is shown, and the columns with its paths.
Media: TypeAlias = tuple[str, dict[str, Json]]


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `<split>_sft.jsonl` and `<split>_grpo.jsonl`, and the pictures in `images/`.

    Splits have files of their own, so that nobody trains on test puzzles by accident. Only SFT
    lines hold the assistant's turn, only GRPO lines the puzzle that rewards are made from.
    """
    _write(records, root, _write_picture)


def write_clips(records: Iterable[Record], root: Path) -> None:
    """Writes the same lines about the clips, whose frames stand in `frames/ID/`."""
    _write(records, root, _write_frames)


def _write(
    records: Iterable[Record], root: Path, write_media: Callable[[Record, Path], Media]
) -> None:
    with ExitStack() as stack:
        files: dict[str, TextIOWrapper] = {}
        for record in records:
            tag, media = write_media(record, root)
            question, answer = _turns(record, tag)
            # A string, because one file may hold several tasks and a column has one type.
            puzzle = {"vtb_instance": record.instance.to_json()}
            for method, fields in (
                ("sft", {"messages": [question, answer]}),
                ("grpo", {"messages": [question], **puzzle}),
            ):
                name = f"{record.split}_{method}.jsonl"
                if name not in files:
                    files[name] = stack.enter_context((root / name).open("w", encoding="utf-8"))
                line = json.dumps(media | _line(record) | fields, ensure_ascii=False)
                files[name].write(line + "\n")


def _write_picture(record: Record, root: Path) -> Media:
    image = f"images/{record.id}.png"
    _write_file(root / image, record.shown)
    return IMAGE_TAG, {"images": [image]}


def _write_frames(record: Record, root: Path) -> Media:
    frames = [f"frames/{record.id}/{place:03}.png" for place in range(len(record.frames))]
    for frame, png in zip(frames, record.frames, strict=True):
        _write_file(root / frame, png)
    return VIDEO_TAG, {"videos": [[*frames]]}


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _line(record: Record) -> dict[str, Json]:
    return {
        "solution": record.answer,
        "vtb_id": record.id,
        "vtb_task": record.instance.task,
    }


def _turns(record: Record, tag: str) -> tuple[dict[str, str], dict[str, str]]:
    """The user's question and the assistant's answer."""
    return (
        {"role": "user", "content": tag + record.prompts["vlm"]},
        {"role": "assistant", "content": wrap(record.answer)},
    )
