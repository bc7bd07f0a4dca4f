"""The dataset card: README.md, written by code from the request and the manifest only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vtb.core import registry
from vtb.core.files import atomic_write
from vtb.core.splits import SPLITS
from vtb.data.capacity import check_capacity, say_capacity
from vtb.data.command import MIXTURE_NAME, command, mixture
from vtb.data.request import Request, Task
from vtb.data.shards import Shard, manifest_hash

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(out: Path, request: Request, shards: Sequence[Shard]) -> None:
    """Writes README.md, whose YAML lists the finished files by name.

    `datasets` keys its cache by them and by the manifest's hash, so a grown dataset is never
    read from a stale cache. Splits without a file are left out: naming one would make every
    split unloadable (datasets 4.8).
    """
    atomic_write(out / "README.md", f"---\n{_yaml(shards)}---\n\n{_body(request, shards)}")


def relist_shards(out: Path, shards: Sequence[Shard]) -> None:
    """Rewrites the YAML of README.md for these shards and keeps its text; no shard, no card."""
    path = out / "README.md"
    if not shards:
        path.unlink(missing_ok=True)
    elif path.exists():
        _, _, body = path.read_text(encoding="utf-8").split("---\n", 2)
        atomic_write(path, f"---\n{_yaml(shards)}---\n{body}")


def _yaml(shards: Sequence[Shard]) -> str:
    import yaml

    # In C it takes a tenth of the time, and the card is written after every range.
    return yaml.dump(_header(shards), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True)


def _header(shards: Sequence[Shard]) -> dict[str, object]:
    rows = sum(shard.rows for shard in shards)
    files = {s: sorted(x.file for x in shards if x.split == s) for s in SPLITS}
    return {
        "license": "apache-2.0",
        "task_categories": ["image-to-video", "image-to-image", "visual-question-answering"],
        "size_categories": [next((name for top, name in _SIZES if rows < top), "n>1M")],
        "tags": ["vtb", "synthetic"],
        "configs": [
            {
                "config_name": "default",
                "description": f"manifest {manifest_hash(shards)}",
                "data_files": [
                    {"split": split, "path": paths} for split, paths in files.items() if paths
                ],
            }
        ],
    }


def _body(request: Request, shards: Sequence[Shard]) -> str:
    count = sum(shard.rows for shard in shards)
    splits = {s: sum(x.rows for x in shards if x.split == s) for s in SPLITS}
    return _TEMPLATE.format(
        title=_title(request),
        tasks=_one_task(request.tasks[0]) if len(request.tasks) == 1 else _tasks(request, count),
        command=_command(request, count),
        count=f"{count:,}",
        splits=", ".join(f"{name} {rows:,}" for name, rows in splits.items()),
        capacity=say_capacity(check_capacity(request, 0)),
        duplicates="allowed" if request.allow_duplicates else "none",
        test=request.rule.test,
        validation=request.rule.test + request.rule.validation,
        clip=f"{request.plan.num_frames} frames at {request.plan.fps:g} fps, H.264"
        if request.video
        else "none (made with --no-video)",
        extra="".join(f"| `{name}` | image | {_EXTRA} |\n" for name in request.columns()),
        bytes=f"{sum(shard.bytes for shard in shards):,}",
    )


def _title(request: Request) -> str:
    """The generator, or the families of several."""
    generators = [registry.load(task.generator) for task in request.tasks]
    if len(generators) == 1:
        return generators[0].name
    return ", ".join(sorted({generator.family for generator in generators}))


def _one_task(task: Task) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in task.config.items())
    return f"- `{task.generator}` version {task.version}: {_summary(task)} ({settings})"


def _tasks(request: Request, count: int) -> str:
    """A table of the tasks; the settings that are not defaults are in the command."""
    lines = ["| generator | version | puzzle | samples | distinct |", "|---|---|---|---|---|"]
    for task, samples in zip(request.tasks, request.counts(count), strict=True):
        distinct = say_capacity(task.capacity())
        lines.append(
            f"| `{task.generator}` | {task.version} | {_summary(task)} | {samples:,} | {distinct} |"
        )
    return "\n".join(lines)


def _summary(task: Task) -> str:
    bands = [f"{key} {low:g} to {top:g}" for key, (low, top) in task.difficulty.items()]
    return "; ".join([registry.load(task.generator).summary, *bands])


def _command(request: Request, count: int) -> str:
    """The command in a block, below the mixture that it reads."""
    block = f"```console\n{command(request, count)}\n```"
    content = mixture(request, count)
    if content is None:
        return block
    return f"With this as `{MIXTURE_NAME}`:\n\n```toml\n{content}```\n\n{block}"


_EXTRA = "further drawing, null for tasks without it"

_TEMPLATE = """# {title}

Puzzles with known answers, made and verified by [vtb](https://pypi.org/project/vtb-toolkit/).

{tasks}

![puzzles and their solutions](preview.png)

{command}

| | |
|---|---|
| samples | {count} ({splits}) |
| distinct samples this configuration has | {capacity} |
| duplicates | {duplicates} |
| clip | {clip} |
| bytes | {bytes} |

The split is decided by the content up to its symmetries, never by position: fingerprint modulo
1000 below {test} is test, below {validation} validation, the rest train. No puzzle, nor a mirrored
or turned copy of one, is in two splits, in this or any other dataset made with the same buckets.

## Load

```python
from datasets import load_dataset

dataset = load_dataset("DIR")  # this directory, or its name on the Hub
```

`video` holds the MP4 file's bytes; decode them with PyAV (`av.open(io.BytesIO(...))`).
`vtb data verify DIR` runs every answer through its verifier and every corruption against it.

## Columns

| column | type | meaning |
|---|---|---|
| `id` | string | `<task>-<12 hex of the fingerprint>` |
| `task`, `split` | string | |
| `prompt`, `prompt_image`, `prompt_vlm` | string | for video, image and vision-language models |
| `image`, `solution` | image | the puzzle and its solution |
{extra}| `video` | MP4 bytes | starts with the puzzle, ends with the solution |
| `num_frames`, `height`, `width` | int | length and size of the video, frames and px |
| `fps` | float | its rate, Hz |
| `video_hash` | string | blake2b-128 of its bytes |
| `answer` | string | the answer as text |
| `instance` | JSON string | the whole symbolic puzzle, enough to redraw and verify it |
| `difficulty` | JSON string | named numbers |
| `seed`, `index`, `generator_version` | int | where it comes from |
| `fingerprint` | string | blake2b-128 of the content |
"""
