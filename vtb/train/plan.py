"""The Plan of a video training run, made without torch and without reading weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from vtb.core.errors import UsageError
from vtb.models.structure import Shapes, parameter_count
from vtb.models.wan.lora_targets import linear_shapes, lora_parameter_count, select_targets
from vtb.run.environment import training_environment
from vtb.run.plan import Check, Estimates, Plan
from vtb.train.child import ChildArguments
from vtb.train.estimate import TransformerShape, memory_gib, seconds_per_sample, step_flops
from vtb.train.job import VideoJob
from vtb.train.preflight import attention_checks, clip_checks, geometry_checks, resource_checks

# Per LoRA parameter in a checkpoint: the weight and Adam's two moments, float32.
CHECKPOINT_BYTES_PER_PARAMETER = 12


def plan_video(job: VideoJob) -> Plan:
    """What would run for a job, with every finding of the preflight.

    Raises UnreadableError for a damaged clip or weight file.
    """
    targets = list(_target_checks(job))
    estimates = _estimates(job, 0 if targets else _lora_parameters(job))
    return Plan(
        argv=_child(job).argv(),
        env=training_environment(os.environ, on_gpu=job.gpu is not None),
        cwd=str(Path.cwd()),
        inputs={
            "data": str(job.dataset.path),
            "model": str(job.checkpoint.directory),
            "recipe": job.resolved.name,
        },
        outputs={
            "run": str(job.run.path),
            "checkpoints": str(job.run.checkpoints),
            "final": str(job.run.final),
        },
        checks=(
            *geometry_checks(job),
            *targets,
            *attention_checks(),
            *clip_checks(job),
            *resource_checks(job, estimates),
        ),
        estimates=estimates,
    )


def _child(job: VideoJob) -> ChildArguments:
    return ChildArguments(
        run=job.run.path,
        data=job.dataset.path,
        model=job.checkpoint.directory,
        device=job.device,
        steps=job.steps,
        stop_at=job.stop_at,
    )


def _dit_shapes(job: VideoJob) -> Shapes:
    return job.checkpoint.shapes(job.checkpoint.part("dit"))


def _lora_parameters(job: VideoJob) -> int:
    linears = linear_shapes(_dit_shapes(job))
    chosen = select_targets(linears, job.recipe.lora.target_modules)
    return lora_parameter_count({name: linears[name] for name in chosen}, job.recipe.lora.rank)


def _target_checks(job: VideoJob) -> Iterator[Check]:
    try:
        _lora_parameters(job)
    except UsageError as error:
        yield Check("error", "target_modules", error.message, error.hint)


def _estimates(job: VideoJob, lora_parameters: int) -> Estimates:
    data, train = job.recipe.data, job.recipe.train
    dit = job.checkpoint.part("dit").arguments
    tokens = job.checkpoint.variant.tokens(data.num_frames, data.height, data.width)
    shape = TransformerShape(tokens, dit["num_layers"], dit["dim"], dit["ffn_dim"])
    recomputes = train.activation_checkpointing == "full"
    seconds = memory = None
    if job.gpu:
        memory = memory_gib(
            shape,
            base_parameters=parameter_count(_dit_shapes(job)),
            lora_parameters=lora_parameters,
            recomputes=recomputes,
        )
        flops = step_flops(shape, recomputes=recomputes) * train.accum
        seconds = seconds_per_sample(flops, job.gpu.name)
    return Estimates(
        tokens=tokens,
        steps=job.stop_at,
        trainable_parameters=lora_parameters,
        checkpoint_bytes=lora_parameters * CHECKPOINT_BYTES_PER_PARAMETER,
        seconds_per_step=seconds,
        memory_gib=memory,
    )
