"""`vtb infer video`: one clip per sample from a Wan model, resumable."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vtb.core.errors import ConflictError, UnreadableError
from vtb.core.files import (
    append_line,
    atomic_write,
    atomic_write_json,
    read_json_lines,
    remove_stale_temporaries,
    sha256_file,
)
from vtb.core.splits import overlap_warnings
from vtb.core.types import Array
from vtb.data.names import sample_file
from vtb.infer.loras import LoraFiles, assign_loras
from vtb.infer.settings import DESCRIPTIVE, VideoRequest, VideoSettings, resolve, run_record
from vtb.infer.sources import PromptSource, Source, VideoJob
from vtb.media.fit import Fit
from vtb.media.video import encode, probe
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.variants import WanVariant
from vtb.run.extras import require_train_extra
from vtb.run.lock import output_lock
from vtb.run.progress import progress
from vtb.run.settings import record_settings

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

    from vtb.infer.device import Placement
    from vtb.models.wan.lora_file import Lora

LIST_NAME = "predictions.jsonl"
RECORD_NAME = "infer.json"
LOG_NAME = "infer.log"

# Makes the frames of a job, RGB uint8 (T, H, W, 3) in the model's size, from a seed.
MakeFrames: TypeAlias = Callable[[VideoJob, Fit, int], Array]


@dataclass(frozen=True, slots=True)
class InferResult:
    """What a folder of predictions holds after a run.

    `n` clips were asked for, `done` were made by this run, `skipped` were there, and `failed`
    maps the ids that could not be made to the reason. `warnings` are sentences about the request.
    """

    out: Path
    n: int
    done: int
    skipped: int
    failed: Mapping[str, str]
    seconds: float
    warnings: Sequence[str] = ()


def infer_videos(request: VideoRequest) -> InferResult:
    """Makes the clips that are not there yet into `request.out`.

    Writes `<id>.mp4`, its sidecar `<id>.json` and a line of `predictions.jsonl` per sample, in
    that order, so that a listed clip is a whole one. Raises UsageError for a clip the model
    cannot make, UnreadableError for a LoRA that does not belong to it, ConflictError when the
    folder was made with other parameters, LockedError when it is in use. A clip is made again when
    its puzzle is drawn otherwise than it was.
    """
    start = time.monotonic()
    require_train_extra()
    from vtb.infer.device import place  # imports torch

    checkpoint = open_checkpoint(request.model)
    checkpoint.require(checkpoint.parts)
    source = request.source(checkpoint.variant)
    drawings = source.drawings(request.limit)
    settings = resolve(request, source, checkpoint)
    placement = place(request.device)
    files = assign_loras(checkpoint.variant, request.loras, request.lora_low)
    record = run_record(request, source, checkpoint, files, settings, placement)
    warnings = _warnings(checkpoint.variant, source, record["train_buckets"])
    with output_lock(request.out):
        remove_stale_temporaries(request.out)
        _require_same_settings(request, record)
        finished = _finished(request.out)
        todo = {name: d for name, d in drawings.items() if finished.get(name) != d}
        failed: dict[str, str] = {}
        if todo:
            loras, doubts = files.read(checkpoint)
            warnings += doubts
            make_frames = _loaded_model(request, checkpoint, loras, settings, placement)
            failed = _make_all(request, source, files, settings, todo, make_frames)
    return InferResult(
        out=request.out,
        n=len(drawings),
        done=len(todo) - len(failed),
        skipped=len(drawings) - len(todo),
        failed=failed,
        seconds=time.monotonic() - start,
        warnings=warnings,
    )


def _require_same_settings(request: VideoRequest, record: Mapping[str, Any]) -> None:
    path = request.out / RECORD_NAME
    try:
        record_settings(path, record, free=DESCRIPTIVE)
    except ConflictError:
        # A folder in which nothing was made is free for another try.
        if not request.force and _finished(request.out):
            raise
        # The list goes before the new record is there: never old clips under new settings.
        (request.out / LIST_NAME).unlink(missing_ok=True)
        record_settings(path, record, force=True)


def _warnings(
    variant: WanVariant, source: Source, train_buckets: Sequence[int] | None
) -> list[str]:
    shows_picture = not isinstance(source, PromptSource) or source.image is not None
    warnings = list(
        overlap_warnings(range(*train_buckets), source.buckets()) if train_buckets else ()
    )
    if shows_picture and not variant.takes_image:
        warnings.append(
            f"{variant.family} takes no image: clips follow the prompt alone and do not begin with "
            "the picture, which gives their size only"
        )
    return warnings


def sample_seed(seed: int, sample_id: str) -> int:
    """The seed of one clip: it depends on the root seed and the id, not on order or limit."""
    digest = hashlib.blake2b(f"{seed}/{sample_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def _finished(out: Path) -> dict[str, str | None]:
    """The drawing that each whole clip was made for, by sample id; the last of its lines counts."""
    rows = {row["sample_id"]: row for row in read_json_lines(out / LIST_NAME)}
    return {name: row.get("drawing") for name, row in rows.items() if _is_whole(out, row)}


def _is_whole(out: Path, row: Mapping[str, Any]) -> bool:
    path = out / row["path"]
    return path.is_file() and sha256_file(path) == row["sha256"]


def _make_all(
    request: VideoRequest,
    source: Source,
    files: LoraFiles,
    settings: VideoSettings,
    todo: Mapping[str, str],
    make_frames: MakeFrames,
) -> dict[str, str]:
    """Makes clip after clip of the drawings in `todo`; returns why others could not be made."""
    failed: dict[str, str] = {}
    with progress("generating", len(todo)) as advance:
        for sample_id, drawing in todo.items():
            try:
                _make(request, source.job(sample_id), drawing, files, settings, make_frames)
            except UnreadableError as error:
                failed[sample_id] = str(error)
            advance(1)
    return failed


def _loaded_model(
    request: VideoRequest,
    checkpoint: WanCheckpoint,
    loras: Mapping[str, Lora],
    settings: VideoSettings,
    placement: Placement,
) -> MakeFrames:
    """All parts of the model, with its LoRAs."""
    from vtb.models.wan.generate import generate
    from vtb.models.wan.load import load_pipeline
    from vtb.models.wan.lora import apply_lora

    log = request.out / LOG_NAME
    pipe: WanVideoPipeline = load_pipeline(
        request.model, device=placement.device, dtype=placement.dtype, log=log
    )
    for expert, lora in loras.items():
        apply_lora(pipe.dit2 if expert == "low" else pipe.dit, lora)
    takes_image = checkpoint.variant.takes_image

    def make_frames(job: VideoJob, fit: Fit, seed: int) -> Array:
        return generate(
            pipe,
            prompt=job.prompt,
            image=fit.apply(job.picture) if takes_image and job.picture is not None else None,
            num_frames=settings.shape.num_frames,
            height=fit.target.height,
            width=fit.target.width,
            steps=settings.steps,
            cfg=settings.cfg,
            cfg_low=settings.cfg_low,
            boundary=settings.boundary,
            seed=seed,
            shift=settings.shift,
            log=log,
        )

    return make_frames


def _make(
    request: VideoRequest,
    job: VideoJob,
    drawing: str,
    files: LoraFiles,
    settings: VideoSettings,
    make_frames: MakeFrames,
) -> None:
    seed = sample_seed(settings.seed, job.sample_id)
    fit = settings.fit_of(job.size)
    frames = fit.undo(make_frames(job, fit, seed))
    clip = _clip(frames, settings)
    path = sample_file(request.out, job.sample_id, ".mp4")
    atomic_write(path, clip)
    origin = {"model": str(request.model), "run": files.text, "seed": seed}
    sidecar: dict[str, Any] = {
        "sample_id": job.sample_id,
        "prompt": job.prompt,
        **settings.record(),
        **origin,
        "generated_size": list(fit.target),
        "clip_size": list(frames.shape[1:3]),
    }
    atomic_write_json(path.with_suffix(".json"), sidecar)
    line = {
        "sample_id": job.sample_id,
        "kind": "video",
        "path": path.name,
        **origin,
        "sha256": hashlib.sha256(clip).hexdigest(),
        "drawing": drawing,
    }
    append_line(request.out / LIST_NAME, json.dumps(line))


def _clip(frames: Array, settings: VideoSettings) -> bytes:
    """The frames as MP4; raises UnreadableError unless it decodes to the wanted number."""
    num_frames, height, width = frames.shape[:3]
    clip = encode(frames, num_frames=num_frames, height=height, width=width, fps=settings.shape.fps)
    found = probe(clip).num_frames
    if found != settings.shape.num_frames:
        raise UnreadableError(
            "the clip has the wrong length",
            fact=f"{found} frames instead of {settings.shape.num_frames}",
        )
    return clip
