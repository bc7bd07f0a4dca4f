"""The Plan of a training of a vision-language model, made without torch and without weights."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from vtb.core.errors import UsageError
from vtb.models.qwen3_vl.checkpoint import read_config
from vtb.models.structure import Shapes, parameter_count, read_shapes
from vtb.run.plan import Check, Estimates, Plan
from vtb.train.launch.protocol import plan_of
from vtb.train.launch.resources import room_check
from vtb.train.vlm.backends import BACKENDS
from vtb.train.vlm.child import Stage, VlmChildArguments
from vtb.train.vlm.clips import clip_checks
from vtb.train.vlm.curriculum import request_checks
from vtb.train.vlm.estimate import Size, memory_gib, rollout_gib
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.layers import trainable_parameters
from vtb.train.vlm.preflight import (
    batch_checks,
    environment_checks,
    length_checks,
    recipe_checks,
)
from vtb.train.vlm.questions import Lengths, measure

# A float32 weight, and AdamW's two moments of each trained one.
WEIGHT_BYTES, MOMENTS_BYTES = 4, 8


def plan_vlm(job: VlmJob) -> Plan:
    """What would run for a job, with every finding of the preflight.

    Raises UnreadableError for a damaged data or weight file.
    """
    backend = BACKENDS[job.recipe.train.backend]
    shapes, lengths = read_shapes(job.weights), measure(job)
    process, estimates = backend.process(job), _estimates(job, shapes, lengths)
    return plan_of(
        job,
        process.argv,
        process.env,
        data=job.dataset.path,
        model=job.model,
        checks=(
            *batch_checks(job),
            *length_checks(job, lengths),
            *recipe_checks(job, shapes),
            *clip_checks(job),
            *request_checks(job),
            *backend.checks(job),
            *environment_checks(job),
            *_memory_checks(job, shapes, estimates),
            *_disk_checks(job, estimates),
        ),
        estimates=estimates,
        files=process.files,
        preflight=_stage(job, "preflight") if asks_base(job) else (),
        finish=() if backend.has_final else _stage(job, "finish"),
    )


def asks_base(job: VlmJob) -> bool:
    """Whether the base model is tried before it is trained."""
    return job.is_grpo and job.recipe.preflight.prompts > 0


def _stage(job: VlmJob, stage: Stage) -> tuple[str, ...]:
    return (sys.executable, "-m", *VlmChildArguments.of(job, stage).module_words())


def _estimates(job: VlmJob, shapes: Shapes, lengths: Lengths) -> Estimates:
    train, world = job.recipe.train, job.cluster.world
    try:
        trained = trainable_parameters(shapes, job.recipe)
    except UsageError:  # one of the checks says so
        trained = 0
    stored = trained if train.target == "lora" else parameter_count(shapes)
    tokens = lengths.question + job.recipe.grpo.max_completion if job.is_grpo else lengths.sample
    size = Size.of(read_config(job.model), parameter_count(shapes), trained)
    device_gib = min((gpu.memory_gib for gpu in job.gpus), default=0.0)
    needed = memory_gib(job.recipe, size, tokens, world, device_gib) if job.gpus else None
    return Estimates(
        tokens=tokens,
        steps=job.stop_at,
        trainable_parameters=trained,
        checkpoint_bytes=WEIGHT_BYTES * stored + MOMENTS_BYTES * trained,
        samples=job.num_samples,
        batch=train.batch,
        micro_batch=train.micro_batch,
        accum=max(1, train.batch // (train.micro_batch * world)),
        devices=world,
        memory_gib=needed,
    )


def _memory_checks(job: VlmJob, shapes: Shapes, estimates: Estimates) -> Iterator[Check]:
    free = min((gpu.memory_gib for gpu in job.gpus), default=math.inf)
    if (estimates.memory_gib or 0.0) > free:
        message = f"about {estimates.memory_gib:.0f} GiB needed per device, there are {free:.0f}"
        hint = "-s train.micro_batch=1, -s dist.strategy=zero3, or a smaller rollout.memory"
        yield Check("warning", "memory", message, hint)
    share, needed = job.recipe.rollout.memory * free, rollout_gib(job.recipe, shapes)
    if needed > share:
        message = f"vLLM gets {share:.0f} GiB of a device, the weights alone take {needed:.0f}"
        yield Check("warning", "memory", message, "a larger rollout.memory, or --vllm off")


def _disk_checks(job: VlmJob, estimates: Estimates) -> Iterator[Check]:
    # The kept checkpoints and the one being written; the final files are links to one of them.
    needed = estimates.checkpoint_bytes * (job.recipe.save.keep + 1)
    hint = "free some space, choose another -o, or keep fewer: -s save.keep=1"
    yield from room_check("checkpoints", needed, job.run.path, hint)
