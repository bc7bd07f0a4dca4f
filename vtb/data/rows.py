"""Phase two of a build: one planned draw becomes one row with pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtb.core.generator import Generator, Sampler
from vtb.core.types import Instance, Rendering, Sample
from vtb.data.clips import COLUMNS, ClipFacts, ClipForm, clip_hash
from vtb.data.plan import Planned, sample_id
from vtb.data.request import Request

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A few planned draws of one request: what travels to a worker process."""

    request: Request
    planned: Sequence[Planned]


def render_rows(job: RenderJob) -> list[Row]:
    """The finished rows of a job, in its order."""
    request = job.request
    samplers: dict[int, Sampler[Any, Any]] = {}
    rows: list[Row] = []
    for planned in job.planned:
        task, ordinal = request.place(planned.index)
        if task not in samplers:
            samplers[task] = request.tasks[task].sampler(request.seed)
        instance = samplers[task].draw(ordinal, planned.attempt)
        rows.append(_row(request, samplers[task].generator, instance, planned))
    return rows


def require_drawable(request: Request) -> None:
    """Draws one puzzle per task in memory; raises UsageError when its style does not fit it."""
    for task in request.tasks:
        sampler = task.sampler(request.seed)
        instance = sampler.draw(0, 0)
        style = sampler.generator.Style.model_validate(instance.style)
        sampler.generator.render(instance, style, request.plan)


def instance_from_json(text: str) -> Instance:
    """The Instance stored in a row's `instance` column."""
    return Instance.from_json(text)


def sample_from_row(row: Mapping[str, Any], *, pixels: bool, video: bool) -> Sample:
    """The Sample of a stored row, with pictures and video bytes where asked for."""
    from vtb.media.image import decode_image

    return Sample(
        id=row["id"],
        instance=instance_from_json(row["instance"]),
        prompts={"video": row["prompt"], "image": row["prompt_image"], "vlm": row["prompt_vlm"]},
        answer=row["answer"],
        puzzle=decode_image(row["image"]["bytes"]) if pixels else None,
        solution=decode_image(row["solution"]["bytes"]) if pixels else None,
        video=row["video"]["bytes"] if video and row["video"] else None,
    )


def _row(
    request: Request, generator: Generator[Any, Any], instance: Instance, planned: Planned
) -> Row:
    from vtb.media.image import encode_png

    style = generator.Style.model_validate(instance.style)
    rendering = generator.render(instance, style, request.plan)
    name = sample_id(instance, planned.copy)
    pictures = {"image": rendering.puzzle, "solution": rendering.solution, **rendering.extra}
    return {
        "id": name,
        "task": instance.task,
        "split": planned.split,
        "prompt": generator.prompts(instance, "video", "en"),
        "prompt_image": generator.prompts(instance, "image", "en"),
        "prompt_vlm": generator.prompts(instance, "vlm", "en"),
        **dict.fromkeys(request.columns()),
        **{
            column: {"bytes": encode_png(picture), "path": f"{name}.{column}.png"}
            for column, picture in pictures.items()
        },
        **_clip(request, rendering, name),
        "answer": generator.answer(instance),
        "instance": instance.to_json(),
        "difficulty": json.dumps(dict(instance.difficulty), separators=(",", ":")),
        "seed": request.seed,
        "index": planned.index,
        "fingerprint": instance.fingerprint,
        "generator_version": instance.version,
    }


def _clip(request: Request, rendering: Rendering, name: str) -> dict[str, Any]:
    """The video and what tells about it without reading it; null without one."""
    if not request.video:
        return dict.fromkeys(("video", *COLUMNS))
    from vtb.media.video import encode

    height, width = rendering.puzzle.pixels.shape[:2]
    plan = request.plan
    clip = encode(
        rendering.frames, fps=plan.fps, num_frames=plan.num_frames, height=height, width=width
    )
    facts = ClipFacts(ClipForm(plan.num_frames, height, width, plan.fps), clip_hash(clip))
    return {"video": {"bytes": clip, "path": f"{name}.mp4"}, **facts.columns()}
