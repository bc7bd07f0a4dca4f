"""Reads VideoThinkBench's dataset folder, and the older ones of VTB-Training.

Without a manifest the records come from `tasks/<task>/data.json`, from `<task>/data.json`
(VTB-Training), or from the `data.json` of the folder itself, which then is one task's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import UnreadableError
from vtb.core.types import Json
from vtb.formats.videothinkbench.layout import LIST_NAME, MANIFEST_NAME, TASKS_NAME

# Where a prompt comes from: the first key that a record has. A null switches the prompt off.
_PROMPT_KEYS: Mapping[str, Sequence[str]] = {
    "ti2v": ("ti2v_prompt", "prompt"),
    "ti2i": ("ti2i_prompt", "ti2v_prompt", "prompt"),
    "ti2t": ("ti2t_prompt", "vlm_prompt", "gpt5_prompt"),
    "ti2ti": ("ti2ti_prompt", "ti2t_prompt", "vlm_prompt", "gpt5_prompt"),
}
# VTB-Training names no clip: it lies beside the solution's picture.
_CLIP_SUFFIXES = (".mp4", ".webm")


@dataclass(frozen=True, slots=True)
class FolderSample:
    """One sample with its files found; `fields` is its record in `data.json`.

    `prompts` are those to video (`ti2v`), image (`ti2i`), text (`ti2t`) and both (`ti2ti`), None
    where there is none. `reasoning_image` is the puzzle as a vision-language model is shown it.
    """

    id: str
    task_type: str
    prompts: Mapping[str, str | None]
    puzzle_image: Path
    reasoning_image: Path
    solution_image: Path | None
    solution_video: Path | None
    fields: Mapping[str, Json]


def is_folder(root: Path) -> bool:
    """Whether `root` holds such data, by its file names."""
    return (root / MANIFEST_NAME).is_file() or bool(_task_folders(root))


def read(root: Path) -> Iterator[FolderSample]:
    """Yields the samples of the manifest or, without one, of the tasks by name; opens no media.

    A path of another machine, absolute and absent here, is looked for below `root` (of a record
    without manifest: below its task's folder) by its last parts. Raises UnreadableError when
    `root` holds no such data, at a record of another form, and when a file is missing or is named
    outside of the folder by a relative path.
    """
    manifest = root / MANIFEST_NAME
    if manifest.is_file():
        lines = manifest.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _of_line(root, line, f"line {number} of `{manifest}`")
        return
    folders = _task_folders(root)
    if not folders:
        raise UnreadableError(
            f"`{root}` holds no VideoThinkBench data",
            fact=f"no {MANIFEST_NAME}, no {TASKS_NAME}/<task>/{LIST_NAME}, no {LIST_NAME}",
        )
    for folder in folders:
        for number, fields in enumerate(_records(folder / LIST_NAME), 1):
            yield _of_record(folder, fields, f"record {number} of `{folder / LIST_NAME}`")


def _task_folders(root: Path) -> list[Path]:
    for pattern in (LIST_NAME, f"{TASKS_NAME}/*/{LIST_NAME}", f"*/{LIST_NAME}"):
        if found := sorted(path.parent for path in root.glob(pattern)):
            return found
    return []


def _records(path: Path) -> list[Any]:
    try:
        records: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableError(f"`{path}` cannot be read", fact=str(error)) from error
    if not isinstance(records, list):
        raise UnreadableError(f"`{path}` holds no list", fact=type(records).__name__)
    return records


def _of_line(root: Path, line: str, where: str) -> FolderSample:
    try:
        sample: Any = json.loads(line)
        assets, fields = sample["assets"], sample["extra"]["raw_record"]
        puzzle = assets["puzzle_image"]
        video = assets.get("solution_video")
        return FolderSample(
            id=str(sample["id"]),
            task_type=str(sample["task_type"]),
            prompts={
                **_prompts({"prompt": sample.get("prompt_raw"), **fields}),
                **sample.get("prompts", {}),
            },
            puzzle_image=_find(root, puzzle, where),
            reasoning_image=_find(root, assets.get("reasoning_image") or puzzle, where),
            solution_image=_find(root, assets["solution_image"], where),
            solution_video=_find(root, video, where) if video else None,
            fields=fields,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(where, error) from error


def _of_record(folder: Path, fields: Any, where: str) -> FolderSample:
    try:
        puzzle = fields["image"]
        solution = fields.get("solution_image_path")
        video = fields.get("solution_video_path") or fields.get("video")
        found = _find(folder, solution, where) if solution else None
        return FolderSample(
            id=str(fields["id"]),
            task_type=str(fields.get("task_type") or folder.resolve().name),
            prompts=_prompts(fields),
            puzzle_image=_find(folder, puzzle, where),
            reasoning_image=_find(folder, fields.get("reasoning_image") or puzzle, where),
            solution_image=found,
            solution_video=_find(folder, video, where) if video else _clip_beside(found),
            fields=fields,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(where, error) from error


def _prompts(fields: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        kind: next((fields[key] for key in keys if key in fields), None)
        for kind, keys in _PROMPT_KEYS.items()
    }


def _clip_beside(picture: Path | None) -> Path | None:
    if picture is None:
        return None
    clips = (picture.with_suffix(suffix) for suffix in _CLIP_SUFFIXES)
    return next((clip for clip in clips if clip.is_file()), None)


def _find(root: Path, name: str, where: str) -> Path:
    """The file of that name below `root`; an absolute path as it is, else re-based onto `root`."""
    path = Path(name)
    tails = [path.parts]
    if path.is_absolute():
        if path.is_file():
            return path
        tails = [path.parts[start:] for start in range(1, len(path.parts))]
    for tail in tails:
        candidate = root.joinpath(*tail)
        if ".." not in tail and candidate.is_file():
            return candidate
    raise UnreadableError(
        f"{where} names a file that is not there",
        fact=name,
        hint="give the folder with all that belongs to it",
    )


def _bad(where: str, error: Exception) -> UnreadableError:
    return UnreadableError(f"{where} has another form", fact=f"{type(error).__name__}: {error}")
