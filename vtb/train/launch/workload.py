"""What a job computes, from the headers of its weight files; imports no torch."""

from __future__ import annotations

import math

from vtb.models.structure import Shapes, parameter_count
from vtb.models.wan.lora_targets import linear_shapes, lora_parameter_count, select_targets
from vtb.train.launch.estimate import TransformerShape, Workload
from vtb.train.launch.job import VideoJob

# DeepSpeed keeps at most so many gathered parameters of a sharded model at once.
ZERO3_LIVE_PARAMETERS = 1_000_000_000


def trainable_parameters(job: VideoJob) -> int:
    """Parameters that get gradients; raises UsageError when a LoRA target matches nothing."""
    match job.recipe.train.target:
        case "full":
            return parameter_count(_transformer_shapes(job))
        case "vae":
            return parameter_count(job.checkpoint.shapes(job.checkpoint.part("vae")))
        case "lora":
            lora = job.recipe.lora
            linears = linear_shapes(_transformer_shapes(job))
            chosen = select_targets(linears, lora.target_modules)
            return lora_parameter_count({name: linears[name] for name in chosen}, lora.rank)


def workload(job: VideoJob, trained: int) -> Workload | None:
    """One micro-batch on one device, of which `trained` parameters learn; None for a VAE."""
    data, train = job.recipe.data, job.recipe.train
    if train.target == "vae":
        return None
    arguments = job.transformer.arguments
    frozen = parameter_count(_transformer_shapes(job)) if train.target == "lora" else 0
    if job.recipe.dist.strategy == "zero3":
        live = min(frozen, ZERO3_LIVE_PARAMETERS)
        frozen = math.ceil(frozen / job.cluster.world) + live
    return Workload(
        TransformerShape(
            job.checkpoint.variant.tokens(data.num_frames, data.height, data.width),
            arguments["num_layers"],
            arguments["dim"],
            arguments["ffn_dim"],
        ),
        base_parameters=frozen,
        lora_parameters=trained,
        micro_batch=train.micro_batch,
        base_bytes=1 if train.base_precision == "fp8" else 2,
        is_compiled=train.forward == "fast" and train.compile,
    )


def _transformer_shapes(job: VideoJob) -> Shapes:
    return job.checkpoint.shapes(job.transformer)
