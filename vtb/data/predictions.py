"""Reads a folder of predictions, whoever wrote it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from vtb.core.errors import UnreadableError
from vtb.core.files import sha256_file
from vtb.core.types import Prediction

LIST_NAME = "predictions.jsonl"
ReadKind = Literal["video", "image", "text"]
KIND_ORDER: tuple[ReadKind, ...] = get_args(ReadKind)
SUFFIXES: Mapping[str, ReadKind] = {
    ".mp4": "video",
    ".webm": "video",
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".webp": "image",
    ".txt": "text",
}
# VideoThinkBench's order of preference inside a sample's folder.
FOLDER_IMAGES = ("last_frame", "generated", "candidate", "output", "prediction")


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a folder by sample id and kind, with what seemed odd about the folder."""

    root: Path
    by_id: Mapping[str, Mapping[str, Prediction]]
    warnings: Sequence[str] = ()

    def find(self, sample_id: str, kind: ReadKind | Literal["auto"] = "auto") -> Prediction | None:
        """The prediction of one kind, with its sha256 and, of a text, its content.

        `auto` takes video, then image, then text. None when there is no prediction.
        """
        kinds = self.by_id.get(sample_id, {})
        wanted = KIND_ORDER if kind == "auto" else (kind,)
        found = next((kinds[name] for name in wanted if name in kinds), None)
        return None if found is None else _identified(found)


def open_predictions(root: Path, ids: Collection[str]) -> Predictions:
    """The predictions for `ids` under `root`, in any of the three layouts.

    `predictions.jsonl` alone decides where it exists; otherwise `<id>.<suffix>` and then the
    folder `<id>/` are looked up. Raises UnreadableError when there is no such directory, or when
    a line of the list names a file outside of it.
    """
    if not root.is_dir():
        raise UnreadableError(
            f"predictions folder `{root}` does not exist", hint="vtb infer --help"
        )
    if (root / LIST_NAME).is_file():
        return _from_list(root, set(ids))
    return _from_files(root, set(ids))


@dataclass
class _Collector:
    root: Path
    ids: set[str]
    by_id: dict[str, dict[str, Prediction]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, prediction: Prediction, *, replaces: bool) -> None:
        if prediction.sample_id not in self.ids:
            self.unmatched.append(name)
            return
        kinds = self.by_id.setdefault(prediction.sample_id, {})
        if replaces or prediction.kind not in kinds:
            kinds[prediction.kind] = prediction

    def result(self) -> Predictions:
        if self.unmatched:
            shown = ", ".join(f"`{name}`" for name in self.unmatched[:5])
            more = f" and {len(self.unmatched) - 5} more" if len(self.unmatched) > 5 else ""
            self.warnings.append(f"{shown}{more} match no sample of the dataset")
        return Predictions(self.root, self.by_id, self.warnings)


def _from_list(root: Path, ids: set[str]) -> Predictions:
    collector = _Collector(root, ids)
    path = root / LIST_NAME
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    num_read = 0
    for number, line in enumerate(lines, 1):
        try:
            row: Any = json.loads(line or "null")
        except (json.JSONDecodeError, RecursionError):
            collector.warnings.append(f"line {number} of `{path}` is torn and was left out")
            continue
        if row is None:
            continue
        prediction = _from_row(root, row, path, number)
        num_read += 1
        if prediction.path and not Path(prediction.path).is_file():
            collector.warnings.append(f"`{prediction.path}`, named in `{path}`, does not exist")
            continue
        collector.add(prediction.sample_id, prediction, replaces=True)
    if collector.warnings and not num_read:
        raise UnreadableError(
            f"`{path}` has no readable line",
            fact=collector.warnings[0],
            hint="one JSON object per line: sample_id, kind, and path or text",
        )
    return collector.result()


def _from_row(root: Path, row: Any, path: Path, number: int) -> Prediction:
    if not isinstance(row, dict) or not isinstance(row.get("sample_id"), str):
        raise _bad_line(path, number, "no `sample_id`")
    kind, text, file = row.get("kind"), row.get("text"), row.get("path")
    if kind not in KIND_ORDER:
        raise _bad_line(path, number, f"`kind` is {kind!r}, not one of {', '.join(KIND_ORDER)}")
    if not isinstance(text if kind == "text" and file is None else file, str):
        raise _bad_line(path, number, "neither `path` nor `text`")
    if file is not None and not _stays_inside(file):
        raise _bad_line(path, number, f"`{file}` leaves the predictions folder")
    return Prediction(
        sample_id=row["sample_id"],
        kind=kind,
        path=None if file is None else str(root / file),
        text=text if file is None else None,
        model=str(row.get("model", "")),
        run=str(row.get("run", "")),
        seed=row.get("seed"),
    )


def _from_files(root: Path, ids: set[str]) -> Predictions:
    collector = _Collector(root, ids)
    entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    for entry in entries:
        kind = SUFFIXES.get(entry.suffix.lower())
        if kind and entry.is_file():
            prediction = Prediction(entry.stem, kind, path=str(entry))
            collector.add(entry.name, prediction, replaces=entry.suffix in (".png", ".mp4"))
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("eval-"):
            for prediction in _from_folder(entry):
                collector.add(f"{entry.name}/", prediction, replaces=False)
    return collector.result()


def _from_folder(folder: Path) -> Iterator[Prediction]:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    videos = [file for file in files if SUFFIXES.get(file.suffix.lower()) == "video"]
    image = _folder_image([f for f in files if SUFFIXES.get(f.suffix.lower()) == "image"])
    if videos:
        yield Prediction(folder.name, "video", path=str(videos[0]))
    if image:
        yield Prediction(folder.name, "image", path=str(image))
    if (folder / "content.txt") in files:
        yield Prediction(folder.name, "text", path=str(folder / "content.txt"))


def _folder_image(images: Sequence[Path]) -> Path | None:
    by_stem = {image.stem: image for image in images}
    named = (by_stem[stem] for stem in FOLDER_IMAGES if stem in by_stem)
    return next(named, images[0] if len(images) == 1 else None)


def _stays_inside(file: str) -> bool:
    parts = PurePosixPath(file.replace("\\", "/"))
    return not parts.is_absolute() and ".." not in parts.parts and "\0" not in file


def _identified(prediction: Prediction) -> Prediction:
    text = prediction.text
    if prediction.path is not None and prediction.kind != "text":
        return replace(prediction, sha256=sha256_file(Path(prediction.path)))
    if prediction.path is not None:
        text = _read_text(Path(prediction.path))
    digest = hashlib.sha256((text or "").encode(errors="replace")).hexdigest()
    return replace(prediction, text=text, sha256=digest)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableError(f"`{path}` cannot be read", fact=error.strerror or "") from error


def _bad_line(path: Path, number: int, fact: str) -> UnreadableError:
    return UnreadableError(f"line {number} of `{path}` is no prediction", fact=fact)
