"""What of a data set's clips a recipe cannot show to a model; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vtb.data.clips import ClipForm, clip_rows
from vtb.models.qwen3_vl.clips import ClipLimits
from vtb.run.plan import Check
from vtb.train.launch.job import SPLIT
from vtb.train.vlm.job import VlmJob


def clip_checks(job: VlmJob) -> Iterator[Check]:
    """Whether every sample has a clip that says all the question is about, and how long they are.

    Raises UnreadableError for a damaged shard or clip.
    """
    limits = job.clips
    if limits is None:
        return
    if job.is_grpo:
        message = "GRPO is shown pictures, no clips"
        yield Check("error", "clips", message, "-s data.media=image, or --method sft")
    if not limits.squares:
        message = "data.video_min_tokens is above data.video_max_tokens, in fours"
        yield Check("error", "clips", message, "-s data.video_min_tokens=4")
    forms = _forms(job)
    if missing := forms.count(None):
        message = f"{missing} of {len(forms)} samples have no video"
        yield Check("error", "videos", message, "make the data set again with --video")
    yield from _length_checks(limits, [form for form in forms if form])
    for task in sorted(_labelled_tasks(job)):
        message = f"`{task}` is asked about labels that its pictures have and its clips have not"
        yield Check("error", "clips", message, "-s data.media=image, or choose other data.tasks")


def _forms(job: VlmJob) -> list[ClipForm | None]:
    """Those of all clips to train on; None where there is none."""
    tasks = job.recipe.data.tasks
    rows = zip(job.dataset.column("task", SPLIT), clip_rows(job.dataset, SPLIT), strict=True)
    shown = (row.facts for task, row in rows if not tasks or task in tasks)
    return [facts.form if facts else None for facts in shown]


def _length_checks(limits: ClipLimits, forms: list[ClipForm]) -> Iterator[Check]:
    longest = max((len(limits.frames(form.num_frames, form.fps)) for form in forms), default=0)
    if longest > limits.max_frames:
        message = (
            f"the longest clip has {longest} frames at {limits.fps:g} per second, data.max_frames "
            f"is {limits.max_frames}"
        )
        yield Check(
            "error", "frames", message, f"-s data.max_frames={longest}, or a smaller data.fps"
        )


def _labelled_tasks(job: VlmJob) -> set[str]:
    wanted, found = job.recipe.data.tasks, set[str]()
    for shard in job.dataset.of_split(SPLIT):
        tasks = job.dataset.columns(shard, ["task"])["task"]
        labelled = _has_own_picture(job.dataset.path / shard.file)
        found |= {task for task, is_so in zip(tasks, labelled, strict=True) if is_so}
    return found & {*wanted} if wanted else found


def _has_own_picture(path: Path) -> list[bool]:
    """Whether each sample has a picture for vision-language models, other than its first frame."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if "image_vlm" not in {field.name for field in file.schema_arrow}:
            return [False] * file.metadata.num_rows
        return file.read(["image_vlm.bytes"])["image_vlm"].is_valid().to_pylist()
