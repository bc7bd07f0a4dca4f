"""A dataset as one of the directories that other people's tools read."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from vtb.core import registry
from vtb.core.errors import ConflictError, UnreadableError, UsageError, did_you_mean
from vtb.core.files import atomic_directory, atomic_write_json, read_json
from vtb.core.types import Audience, Language, Picture
from vtb.data.clips import facts_of
from vtb.data.rows import Row, instance_from_json
from vtb.data.store import Dataset
from vtb.formats import diffsynth, files, qwen_image, swift, trl, vbvr, videothinkbench, webdataset
from vtb.formats.record import Record
from vtb.models.qwen3_vl.clips import ClipLimits
from vtb.models.qwen3_vl.pictures import PictureLimits
from vtb.run.progress import Advance, progress
from vtb.run.settings import differences

RECORD_NAME = "export.json"
_SAFE_NAME = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """A foreign layout: its writer, and which samples it can hold (`task_groups` None: all).

    One that `has_frames` of clips asks about these what is asked about a picture otherwise.
    """

    write: Callable[[Iterable[Record], Path], None]
    needs_video: bool = False
    has_frames: bool = False
    task_groups: frozenset[str] | None = None

    def fault(self, record: Record) -> str | None:
        """Why the layout cannot hold this sample, or None."""
        if self.needs_video and record.video is None:
            return "no_video"
        if self.has_frames and record.reasoning is not None:
            return "unlabelled_clip"
        if self.task_groups is not None and record.task_group not in self.task_groups:
            return "foreign_task_group"
        return None


LAYOUTS: Mapping[str, Layout] = {
    "diffsynth-image": Layout(qwen_image.write_edits),
    "diffsynth-video": Layout(diffsynth.write_videos, needs_video=True),
    "files": Layout(files.write),
    "ms-swift": Layout(swift.write),
    "ms-swift-video": Layout(swift.write_clips, needs_video=True, has_frames=True),
    "trl": Layout(trl.write),
    "vbvr": Layout(vbvr.write, needs_video=True),
    "videothinkbench": Layout(videothinkbench.write, task_groups=videothinkbench.TASK_GROUPS),
    "webdataset": Layout(webdataset.write),
}
_HINTS = {
    "no_video": "make the dataset again with clips: vtb gen ... --video",
    "unlabelled_clip": "only pictures of these tasks have the labels that answers are made of",
    "too_long_clip": "make shorter clips",
    "foreign_task_group": "choose another layout with --to",
    "other_task": "choose other tasks",
    "other_id": "choose other samples",
}


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export holds: `count` samples in `files` files, and why others are not in it.

    `made` counts the samples written by this invocation, 0 when all was there already.
    """

    layout: str
    out: Path
    count: int
    skipped: Mapping[str, int]
    files: int
    made: int


def export(
    dataset: Dataset,
    layout: str,
    out: Path,
    *,
    split: str,
    language: Language,
    tasks: Collection[str] = (),
    ids: Collection[str] | None = None,
    limits: PictureLimits | None = None,
    clips: ClipLimits | None = None,
    force: bool = False,
) -> ExportResult:
    """Writes one split (or `all`) in a foreign layout; `out` appears only when it is complete.

    Of several `tasks`, or all if there are none, and of those the samples with these `ids`, or all
    if they are None; `limits` scale the pictures that vision-language models are shown. In layouts
    with frames of clips, `clips`, or the usual ones, choose and scale these.

    Raises UsageError for an unknown layout, split or language and for an empty split,
    UnreadableError when not a single sample can be exported, and ConflictError when `out` holds
    another export (unless `force`) or anything else.
    """
    writer = _layout(layout)
    clips = (clips or ClipLimits()) if writer.has_frames else None
    if language not in get_args(Language):
        hint = did_you_mean(language, get_args(Language))
        raise UsageError(f"unknown prompt language `{language}`", hint=hint)
    total = _count(dataset, split)
    out = out.absolute()
    settings = {
        "layout": layout,
        "dataset": dataset.manifest_hash,
        "split": split,
        "language": language,
        **({"tasks": sorted(tasks)} if tasks else {}),
        **({} if ids is None else {"ids": sorted(ids)}),
        **({"pictures": asdict(limits)} if limits else {}),
        **({"clips": asdict(clips)} if clips else {}),
    }
    earlier = _earlier(out, settings, force=force)
    if earlier is not None and earlier["settings"] == settings:
        return ExportResult(layout, out, earlier["count"], earlier["skipped"], earlier["files"], 0)
    skipped: Counter[str] = Counter()
    with atomic_directory(out) as building:
        with progress("exporting", total) as advance:
            records = _exportable(
                _records(dataset, split, language, advance), writer, clips, tasks, ids, skipped
            )
            writer.write((_scaled(record, limits, clips) for record in records), building)
        count = total - skipped.total()
        if count == 0:
            raise _nothing_left(dataset, layout, skipped)
        files = sum(path.is_file() for path in building.rglob("*"))
        result = ExportResult(layout, out, count, dict(skipped), files, count)
        _write_record(building, settings, result)
        if earlier is not None:
            shutil.rmtree(out)
    return result


def _layout(name: str) -> Layout:
    if name not in LAYOUTS:
        raise UsageError(f"unknown layout `{name}`", hint=did_you_mean(name, LAYOUTS))
    return LAYOUTS[name]


def _count(dataset: Dataset, split: str) -> int:
    count = dataset.count(split)
    if count == 0:
        held = sorted({shard.split for shard in dataset.shards})
        raise UsageError(
            f"`{dataset.path}` has no `{split}` samples",
            fact=f"it holds {', '.join(held)}",
            hint=f"--split {held[0]}",
        )
    return count


def _earlier(out: Path, settings: Mapping[str, Any], *, force: bool) -> dict[str, Any] | None:
    """The record of the export in `out`, None when nothing is there; see `export` for errors."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / RECORD_NAME).is_file():
        raise ConflictError(
            f"`{out}` is not empty and holds no export",
            fact=f"no {RECORD_NAME}",
            hint="choose another directory with -o",
        )
    record = read_json(out / RECORD_NAME)
    differing = differences(record.get("settings"), settings)
    if differing and not force:
        raise ConflictError(
            f"`{out}` holds another export",
            fact="; ".join(differing),
            hint="choose another directory with -o, or replace it with --force",
        )
    return record


def _records(
    dataset: Dataset, split: str, language: Language, advance: Advance
) -> Iterator[Record]:
    for row in dataset.rows(split):
        yield _record(row, language)
        advance(1)


def _exportable(
    records: Iterable[Record],
    layout: Layout,
    clips: ClipLimits | None,
    tasks: Collection[str],
    ids: Collection[str] | None,
    skipped: Counter[str],
) -> Iterator[Record]:
    """The wanted records that the layout can hold; counts the others by reason in `skipped`."""
    for record in records:
        fault = layout.fault(record)
        if tasks and record.instance.task not in tasks:
            fault = "other_task"
        elif ids is not None and record.id not in ids:
            fault = "other_id"
        elif fault is None and clips and len(_frames(record, clips)) > clips.max_frames:
            fault = "too_long_clip"
        if fault is None:
            yield record
        else:
            skipped[fault] += 1


def _frames(record: Record, clips: ClipLimits) -> list[int]:
    form = facts_of(record.clip()).form
    return clips.frames(form.num_frames, form.fps)


def _shown_frames(record: Record, clips: ClipLimits) -> list[bytes]:
    from vtb.media.image import encode_png
    from vtb.media.video import read_frames

    frames = read_frames(record.clip())[_frames(record, clips)]
    return [encode_png(Picture(clips.fitted(frame))) for frame in frames]


def _scaled(record: Record, limits: PictureLimits | None, clips: ClipLimits | None) -> Record:
    if clips:
        return replace(record, frames=_shown_frames(record, clips))
    return replace(record, reasoning=limits.fitted_png(record.shown)) if limits else record


def _record(row: Row, language: Language) -> Record:
    instance = instance_from_json(row["instance"])
    for name in (row["id"], row["split"], instance.task):
        if not _SAFE_NAME.fullmatch(name):
            raise UnreadableError(f"`{name}` is no name for a file", fact="only a-z, 0-9, _ and -")
    generator = registry.load(instance.generator)
    prompts: dict[Audience, str] = {
        "video": row["prompt"],
        "image": row["prompt_image"],
        "vlm": row["prompt_vlm"],
    }
    if language != "en":
        prompts = {who: generator.prompts(instance, who, language) for who in prompts}
    return Record(
        id=row["id"],
        split=row["split"],
        instance=instance,
        prompts=prompts,
        answer=row["answer"],
        puzzle=row["image"]["bytes"],
        solution=row["solution"]["bytes"],
        reasoning=_content(row.get("image_vlm")),
        video=_content(row["video"]),
    )


def _content(cell: Mapping[str, bytes] | None) -> bytes | None:
    return None if cell is None else cell["bytes"]


def _nothing_left(dataset: Dataset, layout: str, skipped: Counter[str]) -> UnreadableError:
    reason, _ = skipped.most_common(1)[0]
    return UnreadableError(
        f"no sample of `{dataset.path}` can be exported as `{layout}`",
        fact=", ".join(f"{name}: {count:,}" for name, count in skipped.items()),
        hint=_HINTS[reason],
    )


def _write_record(building: Path, settings: Mapping[str, Any], result: ExportResult) -> None:
    record = {
        "schema": "vtb.export/1",
        "settings": settings,
        "count": result.count,
        "skipped": result.skipped,
        "files": result.files,
    }
    atomic_write_json(building / RECORD_NAME, record)
