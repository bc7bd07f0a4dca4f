"""What a model is asked and taught: the training split in a trainer's layout, and its lengths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from vtb.core.answers import wrap
from vtb.data.clips import ClipForm, clip_rows
from vtb.data.export import ExportResult, export
from vtb.data.shards import Shard
from vtb.models.qwen3_vl.checkpoint import TOKENIZER
from vtb.models.qwen3_vl.pictures import PictureSize
from vtb.train.launch.job import SPLIT
from vtb.train.vlm.job import VlmJob

# Where a PNG file holds its width and height, four bytes each.
PNG_SIZE = (16, 24)
# The turns as Qwen's chat template writes them.
ASKED = "<|im_start|>user\n<|vision_start|><|vision_end|>{}<|im_end|>\n<|im_start|>assistant\n"
ANSWERED = "{}<|im_end|>\n"
# Around the tokens of each two frames of a clip.
FRAMES = "<{:.1f} seconds><|vision_start|><|vision_end|>"

# Tokens of a text.
Count: TypeAlias = Callable[[str], int]


def export_questions(job: VlmJob, layout: str, ids: Collection[str] | None = None) -> ExportResult:
    """Writes the training split into the run's `data/`; what is there already is kept.

    Of it the samples with these `ids`, or all if they are None.
    """
    return export(
        job.dataset,
        layout,
        job.run.data,
        split=SPLIT,
        language="en",
        tasks=job.recipe.data.tasks,
        ids=ids,
        limits=job.limits,
        clips=job.clips,
        force=True,
    )


@dataclass(frozen=True, slots=True)
class Lengths:
    """The longest question and answer of the training split, in tokens, and the longest of both."""

    question: int
    answer: int
    sample: int


def measure(job: VlmJob) -> Lengths:
    """The lengths by the model's own tokenizer; of pictures and clips only the sizes are read."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(job.model / TOKENIZER[0]))

    @cache
    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False))

    longest = Lengths(0, 0, 0)
    for text, answer, shown in _samples(job, count):
        question = count(ASKED.format(text)) + shown
        reply = count(ANSWERED.format(wrap(answer)))
        longest = Lengths(
            max(longest.question, question),
            max(longest.answer, reply),
            max(longest.sample, question + reply),
        )
    return longest


def _samples(job: VlmJob, count: Count) -> Iterator[tuple[str, str, int]]:
    """Prompt, answer and tokens of the picture or clip of each sample."""
    tasks = job.recipe.data.tasks
    for shard in job.dataset.of_split(SPLIT):
        names = ["task", "prompt_vlm", "answer"]
        columns = job.dataset.columns(shard, names)
        shown = _clip_tokens(job, shard, count) if job.clips else _picture_tokens(job, shard)
        rows = zip(*(columns[name] for name in names), shown, strict=True)
        for task, prompt, answer, tokens in rows:
            if not tasks or task in tasks:
                yield prompt, answer, tokens


def _picture_tokens(job: VlmJob, shard: Shard) -> list[int]:
    return [job.limits.tokens(size) for size in _picture_sizes(job.dataset.path / shard.file)]


def _clip_tokens(job: VlmJob, shard: Shard, count: Count) -> list[int]:
    """0 where there is no clip, of which a check speaks."""

    @cache
    def tokens(form: ClipForm) -> int:
        assert job.clips
        frames = len(job.clips.frames(form.num_frames, form.fps))
        pair = job.clips.pair_tokens(PictureSize(form.width, form.height))
        return sum(pair + count(FRAMES.format(time)) for time in job.clips.pair_times(frames))

    rows = clip_rows(replace(job.dataset, shards=(shard,)), SPLIT)
    return [tokens(row.facts.form) if row.facts else 0 for row in rows]


def _picture_sizes(path: Path) -> list[PictureSize]:
    """Those of the pictures that a vision-language model is shown, from the headers of the PNGs."""
    import pyarrow.compute
    import pyarrow.parquet as pq

    compute: Any = pyarrow.compute  # its functions are made when it is imported
    with pq.ParquetFile(path) as file:
        present = {field.name for field in file.schema_arrow}
        wanted = [name for name in ("image_vlm", "image") if name in present]
        table = file.read([f"{name}.bytes" for name in wanted])
    shown = compute.coalesce(*(compute.struct_field(table[name], "bytes") for name in wanted))
    headers = compute.binary_slice(shown, *PNG_SIZE).to_pylist()
    return [
        PictureSize(int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big"))
        for header in headers
    ]
