"""Writes VideoThinkBench's dataset folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from vtb.core.files import atomic_write_json
from vtb.core.types import Json
from vtb.formats.record import Record
from vtb.formats.videothinkbench.layout import LIST_NAME, MANIFEST_NAME, REPORT_NAME, TASKS_NAME


def write(records: Iterable[Record], root: Path) -> None:
    """Writes the whole folder; what only a task's generator knows comes from the generator."""
    lists: dict[str, _JsonList] = {}
    with ExitStack() as stack:
        manifest = stack.enter_context((root / MANIFEST_NAME).open("w", encoding="utf-8"))
        for record in records:
            task = record.instance.task
            folder = root / TASKS_NAME / task
            if task not in lists:
                for name in ("puzzles", "solutions", "reasoning"):
                    (folder / name).mkdir(parents=True)
                lists[task] = stack.enter_context(closing(_JsonList(folder / LIST_NAME)))
            fields = _fields(record, _write_media(record, folder))
            lists[task].append(fields)
            manifest.write(json.dumps(_manifest_line(record, fields), ensure_ascii=False) + "\n")
    counts = {task: records_of_task.count for task, records_of_task in lists.items()}
    atomic_write_json(root / REPORT_NAME, _report(counts))


class _JsonList:
    """A JSON list written item by item, so that a large dataset never is in memory."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._file = path.open("w", encoding="utf-8")

    def append(self, item: Mapping[str, Json]) -> None:
        self._file.write(",\n" if self.count else "[\n")
        self._file.write(json.dumps(item, ensure_ascii=False))
        self.count += 1

    def close(self) -> None:
        self._file.write("\n]\n")
        self._file.close()


def _write_media(record: Record, folder: Path) -> dict[str, str | None]:
    """The path fields of a record, once their files are written."""
    puzzle = f"puzzles/{record.id}_puzzle.png"
    solution = f"solutions/{record.id}_solution.png"
    reasoning, video = puzzle, None
    (folder / puzzle).write_bytes(record.puzzle)
    (folder / solution).write_bytes(record.solution)
    if record.reasoning is not None:
        reasoning = f"reasoning/{record.id}_reasoning.png"
        (folder / reasoning).write_bytes(record.reasoning)
    if record.video is not None:
        video = f"solutions/{record.id}_solution.mp4"
        (folder / video).write_bytes(record.video)
    return {
        "image": puzzle,
        "reasoning_image": reasoning,
        "solution_image_path": solution,
        "solution_video_path": video,
    }


def _fields(record: Record, paths: Mapping[str, str | None]) -> dict[str, Json]:
    """One record of `data.json`; `instance` and `fingerprint` are ours and ignored by others."""
    instance = record.instance
    return {
        "id": record.id,
        "ti2v_prompt": record.prompts["video"],
        "ti2i_prompt": record.prompts["image"],
        "ti2t_prompt": record.prompts["vlm"],
        "ti2ti_prompt": record.prompts["vlm"],
        "ti2t_answer": record.answer_sentence,
        "ti2ti_answer": {"text": record.answer_sentence, "image": paths["solution_image_path"]},
        **paths,
        **_media_facts(record),
        "seed": instance.seed,
        **record.generator.videothinkbench(instance),
        "instance": asdict(instance),
        "fingerprint": instance.fingerprint,
    }


def _media_facts(record: Record) -> dict[str, Json]:
    from vtb.media.image import decode_image
    from vtb.media.video import read_header

    height, width = decode_image(record.puzzle).shape[:2]
    clip = None if record.video is None else read_header(record.video)
    return {
        "canvas_dimensions": [width, height],
        "video_fps": None if clip is None else _whole(clip.fps),
        "video_num_frames": None if clip is None else clip.num_frames,
    }


def _whole(value: float) -> float:
    """An int where nothing is lost: their readers expect a whole number of frames per second."""
    return int(value) if value.is_integer() else value


def _manifest_line(record: Record, fields: Mapping[str, Json]) -> dict[str, Json]:
    task = record.instance.task
    folder = PurePosixPath(TASKS_NAME) / task
    path_cell_ids = fields.get("solution_path_cell_ids")
    return {
        "id": record.id,
        "task_group": record.task_group,
        "task_type": task,
        "prompts": {kind: fields[f"{kind}_prompt"] for kind in ("ti2v", "ti2i", "ti2t", "ti2ti")},
        "prompt_raw": record.prompts["video"],
        "prompt_train": record.prompts["video"],
        "assets": {
            "puzzle_image": str(folder / fields["image"]),
            "reasoning_image": str(folder / fields["reasoning_image"]),
            "solution_image": str(folder / fields["solution_image_path"]),
            "solution_video": None
            if record.video is None
            else str(folder / fields["solution_video_path"]),
            "video_fps": fields["video_fps"],
            "video_num_frames": fields["video_num_frames"],
        },
        "answer": {
            "path_cell_ids": path_cell_ids,
            "correct_option": record.answer if path_cell_ids is None else None,
        },
        "source": {
            "task": task,
            "metadata_path": str(folder / LIST_NAME),
            "task_dir": str(folder),
        },
        "extra": {"raw_record": fields},
    }


def _report(counts: Mapping[str, int]) -> dict[str, Json]:
    total = sum(counts.values())
    return {
        "output_root": ".",
        "tasks": {
            task: {
                "status": "ok",
                "records": count,
                "canonical_samples": count,
                "metadata_path": f"{TASKS_NAME}/{task}/{LIST_NAME}",
            }
            for task, count in sorted(counts.items())
        },
        "total_generated_records": total,
        "manifest_before_dedup": total,
        "manifest_after_dedup": total,
        "manifest_dropped_duplicates": 0,
    }
