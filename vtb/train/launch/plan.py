"""The Plan of a video training run, made without torch and without reading weights."""

from __future__ import annotations

import os
from dataclasses import replace

from vtb.core.errors import UsageError
from vtb.run.environment import training_environment
from vtb.run.plan import CacheNeed, Check, Estimates, Plan
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.clip_checks import clip_checks
from vtb.train.launch.estimate import (
    Workload,
    memory_gib,
    num_recomputed,
    seconds_per_sample,
    step_flops,
)
from vtb.train.launch.job import SPLIT, VideoJob
from vtb.train.launch.launcher import launch_argv, launch_files
from vtb.train.launch.preflight import geometry_checks, recipe_checks
from vtb.train.launch.protocol import plan_of
from vtb.train.launch.resources import (
    cpu_checks,
    disk_checks,
    environment_checks,
    memory_checks,
)
from vtb.train.launch.workload import trainable_parameters, transformer_workload
from vtb.train.loop.batching import Batching
from vtb.train.validation.checks import SPLIT as HELD_OUT
from vtb.train.validation.checks import validation_checks


def plan_video(job: VideoJob) -> Plan:
    """What would run for a job, with every finding of the preflight.

    Raises UnreadableError for a damaged clip or weight file.
    """
    held_out = job.dataset.count(HELD_OUT)
    found = [
        *geometry_checks(job),
        *recipe_checks(job),
        *clip_checks(job),
        *validation_checks(job.recipe, job.checkpoint.variant, held_out),
    ]
    batching, batch_checks = _batching(job)
    is_trainable = not any(check.name == "target_modules" for check in found)
    inputs = job.recipe, job.checkpoint, job.expert
    trained = trainable_parameters(*inputs) if is_trainable else 0
    work = None
    if is_trainable and job.recipe.train.target != "vae":
        work = transformer_workload(*inputs, job.cluster.world)
    estimates = _estimates(job, trained, work, batching)
    cache = cache_need(job)
    return plan_of(
        job,
        _argv(job),
        training_environment(os.environ, on_gpu=bool(job.gpus)),
        data=job.dataset.path,
        model=job.checkpoint.directory,
        checks=(
            *found,
            *batch_checks,
            *environment_checks(job),
            *cpu_checks(
                job,
                trained + (work.frozen_parameters if work else 0),
                is_auto=job.is_auto,
            ),
            *memory_checks(job, work, estimates.memory_gib),
            *disk_checks(job, estimates, cache),
        ),
        estimates=estimates,
        cache=cache,
        files=launch_files(job.launcher, job.cluster, job.run.path),
    )


def _argv(job: VideoJob) -> tuple[str, ...]:
    arguments = ChildArguments(
        run=job.run.path,
        data=job.dataset.path,
        model=job.checkpoint.directory,
        cache=job.cache,
        device=job.device,
        steps=job.steps,
        stop_at=job.stop_at,
        expert=job.expert,
        is_cache_only=job.is_cache_only,
    )
    return tuple(launch_argv(job.launcher, job.cluster, arguments.module_words(), job.run.path))


def _batching(job: VideoJob) -> tuple[Batching, tuple[Check, ...]]:
    train, world = job.recipe.train, job.cluster.world
    try:
        return Batching.of(train, world), ()
    except UsageError as error:
        check = Check("error", "batch", f"{error.message}: {error.fact}", error.hint)
        # As if it could be shared, for the other figures.
        return Batching(train.micro_batch * world, train.micro_batch, world), (check,)


def cache_need(job: VideoJob) -> CacheNeed:
    """What of the job's samples is encoded already, and what is not."""
    from vtb.train.latents.cache import LatentCache  # a finished run answers without it

    if job.recipe.train.target == "vae":
        return CacheNeed(str(job.cache), 0, 0, 0)  # it reads clips as they are
    cache = LatentCache.of(job.clips, job.checkpoint, dtype=job.recipe.cache.dtype, root=job.cache)
    state = cache.state()
    return CacheNeed(str(cache.store.directory), state.hits, state.missing, state.bytes_to_write)


def _estimates(job: VideoJob, trained: int, work: Workload | None, batching: Batching) -> Estimates:
    data, train = job.recipe.data, job.recipe.train
    tensors = 4 if train.ema else 3  # float32: the weight, Adam's two moments, the average
    plain = Estimates(
        tokens=job.checkpoint.variant.tokens(data.num_frames, data.height, data.width),
        steps=job.stop_at,
        trainable_parameters=trained,
        checkpoint_bytes=4 * tensors * trained,
        samples=job.dataset.count(SPLIT),
        batch=batching.batch,
        micro_batch=batching.micro_batch,
        accum=batching.accum,
        devices=batching.world,
    )
    if work is None:
        return plain
    free = job.gpus[0].memory_gib if job.gpus else float("inf")
    recomputed = num_recomputed(train.activation_checkpointing, work, free)
    shown = replace(
        plain,
        tflop_per_step=step_flops(work, recomputed) * batching.batch / 1e12,
        blocks=work.shape.layers,
        recomputed_blocks=recomputed,
    )
    if not job.gpus:
        return shown
    seconds = seconds_per_sample(work, recomputed, job.gpus[0].name)
    per_device = batching.batch / batching.world
    return replace(
        shown,
        memory_gib=memory_gib(work, recomputed),
        seconds_per_step=None if seconds is None else seconds * per_device,
    )
