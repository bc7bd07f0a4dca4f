"""The dataset card: README.md, written by code from the request and the manifest only."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from vtb.core import registry
from vtb.core.files import atomic_write
from vtb.core.splits import SPLITS, SplitRule
from vtb.data.plan import check_capacity
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


def command(request: Request, count: int) -> str:
    """The command that makes this dataset again."""
    (task,) = request.tasks
    parts = [f"vtb gen {task.generator} -n {count} --seed {request.seed}"]
    parts += ["-s " + shlex.quote(f"{key}={json.dumps(value)}") for key, value in _changed(task)]
    if request.video:
        parts.append(f"--frames {request.plan.num_frames} --fps {request.plan.fps:g}")
    else:
        parts.append("--no-video")
    if request.rule != SplitRule():
        parts.append(f"--splits {request.rule}")
    if request.split:
        parts.append(f"--split {request.split}")
    if request.allow_duplicates:
        parts.append("--allow-duplicates")
    return " ".join(parts)


def _changed(task: Task) -> list[tuple[str, object]]:
    """Settings that differ from the generator's defaults, style settings as `style.<key>`."""
    generator = registry.load(task.generator)
    config = generator.Config().model_dump(mode="json")
    style = generator.Style().model_dump(mode="json")
    changed = [(key, value) for key, value in task.config.items() if config[key] != value]
    return changed + [(f"style.{k}", v) for k, v in task.style.items() if style[k] != v]


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
    capacity = check_capacity(request, 0)
    return _TEMPLATE.format(
        title=", ".join(task.generator for task in request.tasks),
        summary="\n".join(_describe(task) for task in request.tasks),
        command=command(request, count),
        count=f"{count:,}",
        splits=", ".join(f"{name} {rows:,}" for name, rows in splits.items()),
        capacity="unknown or practically unbounded" if capacity is None else f"{capacity:,}",
        duplicates="allowed" if request.allow_duplicates else "none",
        test=request.rule.test,
        validation=request.rule.test + request.rule.validation,
        clip=f"{request.plan.num_frames} frames at {request.plan.fps:g} fps, H.264"
        if request.video
        else "none (made with --no-video)",
        extra="".join(f"| `{name}` | image | further drawing |\n" for name in _extra(request)),
        bytes=f"{sum(shard.bytes for shard in shards):,}",
    )


def _describe(task: Task) -> str:
    generator = registry.load(task.generator)
    settings = ", ".join(f"{key} {value}" for key, value in task.config.items())
    return f"- `{task.generator}` version {task.version}: {generator.summary} ({settings})"


def _extra(request: Request) -> list[str]:
    return sorted({c for t in request.tasks for c in registry.load(t.generator).columns()})


_TEMPLATE = """# {title}

Puzzles with known answers, made and verified by [vtb](https://pypi.org/project/vtb-toolkit/).

{summary}

![puzzles and their solutions](preview.png)

```console
{command}
```

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
| `answer` | string | the answer as text |
| `instance` | JSON string | the whole symbolic puzzle, enough to redraw and verify it |
| `difficulty` | JSON string | named numbers |
| `seed`, `index`, `generator_version` | int | where it comes from |
| `fingerprint` | string | blake2b-128 of the content |
"""
