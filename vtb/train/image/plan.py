"""The Plan of an image training run, made without torch and without reading weights."""

from __future__ import annotations

import os
from collections.abc import Iterator

from vtb.core.errors import UsageError
from vtb.run.environment import training_environment
from vtb.run.plan import CacheNeed, Check, Estimates, Plan
from vtb.train.image.cache import PictureCache
from vtb.train.image.job import STRATEGY, ImageJob
from vtb.train.image.workload import picture_tokens, picture_workload
from vtb.train.launch.adapter import start_checks
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.estimate import Workload, memory_gib, num_recomputed
from vtb.train.launch.launcher import launch_argv, launch_files
from vtb.train.launch.protocol import device_of, plan_of
from vtb.train.launch.resources import MEMORY_SHARE, cpu_checks, package_checks, room_check
from vtb.train.loop.batching import Batching

MODULE = "vtb.train.image"
# Float32: a weight and AdamW's two moments, and the averaged weight if there is one.
BYTES_PER_TRAINED, BYTES_AVERAGED = 12, 4
LATENT_BYTES_PER_PX = {"bf16": 0.5, "fp32": 1.0}  # 16 values for 8x8 px


def plan_image(job: ImageJob) -> Plan:
    """What would run for a job, with every finding of the preflight.

    Raises UnreadableError for a damaged picture or weight file.
    """
    checks = [
        *_batch_checks(job),
        *package_checks(STRATEGY, job.recipe.log),
        *start_checks(job.recipe.lora, job.checkpoint),
    ]
    work = None
    try:
        work = picture_workload(job.recipe, job.checkpoint, job.pictures.shapes)
    except UsageError as error:
        checks.append(Check("error", "target_modules", error.message, error.hint))
    estimates, cache = _estimates(job, work), cache_need(job)
    checks += [
        *cpu_checks(job, work.frozen_parameters if work else 0, is_auto=job.is_auto),
        *_memory_checks(job, estimates),
        *_disk_checks(job, estimates, cache),
    ]
    return plan_of(
        job,
        _argv(job),
        training_environment(os.environ, on_gpu=bool(job.gpus)),
        data=job.dataset.path,
        model=job.checkpoint.directory,
        checks=checks,
        estimates=estimates,
        cache=cache,
        files=launch_files(job.launcher, job.cluster, job.run.path),
    )


def cache_need(job: ImageJob) -> CacheNeed:
    """What of the job's samples is encoded already, and what is not."""
    cache = PictureCache.of(
        job.pictures, job.checkpoint, dtype=job.recipe.cache.dtype, root=job.cache
    )
    absent = cache.absent("latents")
    area = {
        key: row_shape[2 * at] * row_shape[2 * at + 1]
        for keys, row_shape in zip(cache.latents(), cache.shapes, strict=True)
        for at, key in enumerate(keys)
    }
    latents = sum(area[key] for key in absent) * LATENT_BYTES_PER_PX[job.recipe.cache.dtype]
    missing = len(cache.missing())
    return CacheNeed(str(cache.store.directory), len(cache.ids) - missing, missing, round(latents))


def _argv(job: ImageJob) -> tuple[str, ...]:
    arguments = ChildArguments(
        run=job.run.path,
        data=job.dataset.path,
        model=job.checkpoint.directory,
        cache=job.cache,
        device=device_of(job),
        steps=job.steps,
        stop_at=job.stop_at,
    )
    words = arguments.module_words(MODULE)
    return tuple(launch_argv(job.launcher, job.cluster, words, job.run.path))


def _estimates(job: ImageJob, work: Workload | None) -> Estimates:
    train, world = job.recipe.train, job.cluster.world
    per_parameter = BYTES_PER_TRAINED + BYTES_AVERAGED * bool(train.ema)
    trained = work.trained_parameters if work else 0
    return Estimates(
        tokens=picture_tokens(job.pictures.shapes),
        steps=job.stop_at,
        trainable_parameters=trained,
        checkpoint_bytes=per_parameter * trained,
        samples=len(job.pictures.rows),
        batch=train.batch,
        micro_batch=train.micro_batch,
        accum=max(1, train.batch // (train.micro_batch * world)),
        devices=world,
        memory_gib=_memory(job, work) if work and job.gpus else None,
    )


def _memory(job: ImageJob, work: Workload) -> float:
    free = min(gpu.memory_gib for gpu in job.gpus)
    setting = job.recipe.train.activation_checkpointing
    return memory_gib(work, num_recomputed(setting, work, free))


def _memory_checks(job: ImageJob, estimates: Estimates) -> Iterator[Check]:
    free = min((gpu.memory_gib for gpu in job.gpus), default=0.0)
    if estimates.memory_gib is not None and estimates.memory_gib > MEMORY_SHARE * free:
        message = f"about {estimates.memory_gib:.0f} GiB needed, there are {free:.0f}"
        hint = "-s train.micro_batch=1 -s train.activation_checkpointing=full, or smaller pictures"
        yield Check("warning", "memory", message, hint)


def _batch_checks(job: ImageJob) -> Iterator[Check]:
    try:
        Batching.of(job.recipe.train, job.cluster.world)
    except UsageError as error:
        yield Check("error", "batch", f"{error.message}: {error.fact}", error.hint)


def _disk_checks(job: ImageJob, estimates: Estimates, cache: CacheNeed) -> Iterator[Check]:
    needed = estimates.checkpoint_bytes * (job.recipe.save.keep + 2)
    hint = "free some space, choose another -o, or keep fewer: -s save.keep=1"
    yield from room_check("checkpoints", needed, job.run.path, hint)
    hint = "free some space, or set VTB_HOME to a larger disk"
    yield from room_check("encoded samples", cache.bytes_to_write, job.cache, hint)
