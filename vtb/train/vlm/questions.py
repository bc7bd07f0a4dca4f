"""What a model is asked and taught: the training split in a trainer's layout, and its lengths."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.answers import wrap
from vtb.data.export import ExportResult, export
from vtb.models.qwen3_vl.checkpoint import TOKENIZER
from vtb.models.qwen3_vl.pictures import PictureSize
from vtb.train.launch.job import SPLIT
from vtb.train.vlm.job import VlmJob

# Where a PNG file holds its width and height, four bytes each.
PNG_SIZE = (16, 24)
# The turns as Qwen's chat template writes them.
ASKED = "<|im_start|>user\n<|vision_start|><|vision_end|>{}<|im_end|>\n<|im_start|>assistant\n"
ANSWERED = "{}<|im_end|>\n"


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
        force=True,
    )


@dataclass(frozen=True, slots=True)
class Lengths:
    """The longest question and answer of the training split, in tokens, and the longest of both."""

    question: int
    answer: int
    sample: int


def measure(job: VlmJob) -> Lengths:
    """The lengths by the model's own tokenizer; of pictures only the sizes are read."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(job.model / TOKENIZER[0]))
    tokens: dict[str, int] = {}

    def count(text: str) -> int:
        if text not in tokens:
            tokens[text] = len(tokenizer.encode(text, add_special_tokens=False))
        return tokens[text]

    longest = Lengths(0, 0, 0)
    for text, answer, size in _samples(job):
        question = count(ASKED.format(text)) + job.limits.tokens(size)
        reply = count(ANSWERED.format(wrap(answer)))
        longest = Lengths(
            max(longest.question, question),
            max(longest.answer, reply),
            max(longest.sample, question + reply),
        )
    return longest


def _samples(job: VlmJob) -> Iterator[tuple[str, str, PictureSize]]:
    """Prompt, answer and size of the picture of each sample."""
    tasks = job.recipe.data.tasks
    for shard in job.dataset.of_split(SPLIT):
        names = ["task", "prompt_vlm", "answer"]
        columns = job.dataset.columns(shard, names)
        sizes = _picture_sizes(job.dataset.path / shard.file)
        rows = zip(*(columns[name] for name in names), sizes, strict=True)
        for task, prompt, answer, size in rows:
            if not tasks or task in tasks:
                yield prompt, answer, size


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
