"""The command line, and where it needs one the mixture, that makes a dataset again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from vtb.core import registry
from vtb.core.config import Config
from vtb.core.splits import SplitRule
from vtb.core.types import Json
from vtb.data.request import Request, Task
from vtb.recipe.source import literal

MIXTURE_NAME = "mixture.toml"
# Families whose command takes several tasks at once.
FAMILIES = ("eyeballing", "visual")


def command(request: Request, count: int) -> str:
    """The command that makes a dataset of `count` samples; it may read the `mixture`."""
    parts = ["vtb gen", _by_flags(request.tasks) or f"all --mixture {MIXTURE_NAME}"]
    parts.append(f"-n {count} --seed {request.seed}")
    if _by_flags(request.tasks):
        parts += [f"-s {shlex.quote(setting)}" for setting in _settings(request.tasks[0])]
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


def mixture(request: Request, count: int) -> str | None:
    """The content of `mixture.toml` for the command; None where flags say it all."""
    if _by_flags(request.tasks):
        return None
    whole, rest = divmod(count, sum(task.share for task in request.tasks))
    factor = whole if whole and not rest else 1
    return "\n".join(_entry(task, task.share * factor) for task in request.tasks)


def _by_flags(tasks: Sequence[Task]) -> str | None:
    """Which tasks, in the words of the command line; None where it cannot say it."""
    names = [task.generator for task in tasks]
    family, _, _ = names[0].partition("-")
    if any(task.difficulty for task in tasks):
        return None
    if len(tasks) == 1:
        return names[0]
    is_family = family in FAMILIES and all(name.startswith(f"{family}-") for name in names)
    is_even = len({task.share for task in tasks}) == 1 and names == sorted(set(names))
    settings = _settings(tasks[0])
    if not is_family or not is_even or any(_settings(task) != settings for task in tasks):
        return None
    return f"{family} --task {','.join(name.removeprefix(f'{family}-') for name in names)}"


def _settings(task: Task) -> list[str]:
    """What differs from the generator's defaults, as `key=value` and `style.key=value`."""
    changed = [(key, value) for key, value in _config(task).items()]
    changed += [(f"style.{key}", value) for key, value in _style(task).items()]
    return [f"{key}={json.dumps(value)}" for key, value in changed]


def _entry(task: Task, count: int) -> str:
    lines = ["[[task]]", f"generator = {literal(task.generator)}", f"count = {count}"]
    tables = {"config": _config(task), "style": _style(task), "difficulty": task.difficulty}
    lines += [f"{key} = {literal(table)}" for key, table in tables.items() if table]
    return "\n".join(lines) + "\n"


def _config(task: Task) -> Mapping[str, Json]:
    return dict(_changed(registry.load(task.generator).Config, task.config))


def _style(task: Task) -> Mapping[str, Json]:
    return dict(_changed(registry.load(task.generator).Style, task.style))


def _changed(model: type[Config], values: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """The values that are required or are not the default."""
    fields = model.model_fields
    required = {key: values[key] for key, field in fields.items() if field.is_required()}
    defaults = model.model_validate(required).model_dump(mode="json")
    for key, value in values.items():
        if key in required or defaults[key] != value:
            yield key, value
