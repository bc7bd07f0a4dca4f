"""What a step computes, from the recipe and the headers of the weight files; imports no torch."""

from __future__ import annotations

import math

from vtb.models.lora.targets import lora_parameter_count
from vtb.models.structure import Shapes, parameter_count
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.variants import Expert
from vtb.recipe.schema import VideoRecipe
from vtb.train.launch.adapter import adapted_layers
from vtb.train.launch.estimate import TransformerShape, Workload

# DeepSpeed keeps at most so many gathered parameters of a sharded model at once.
ZERO3_LIVE_PARAMETERS = 1_000_000_000


def trainable_parameters(
    recipe: VideoRecipe, checkpoint: WanCheckpoint, expert: Expert | None
) -> int:
    """Parameters that get gradients; raises UsageError when a LoRA target matches nothing."""
    match recipe.train.target:
        case "full":
            return parameter_count(_transformer_shapes(checkpoint, expert))
        case "vae":
            return parameter_count(checkpoint.shapes(checkpoint.part("vae")))
        case "lora":
            layers = adapted_layers(recipe.lora, checkpoint, expert)
            return lora_parameter_count(layers, recipe.lora.rank)


def transformer_workload(
    recipe: VideoRecipe, checkpoint: WanCheckpoint, expert: Expert | None, world: int
) -> Workload:
    """One micro-batch on one of `world` devices; raises as `trainable_parameters` does."""
    data, train = recipe.data, recipe.train
    arguments = checkpoint.transformers[expert or ""].arguments
    is_full = train.target == "full"
    frozen = 0 if is_full else parameter_count(_transformer_shapes(checkpoint, expert))
    if recipe.dist.strategy == "zero3":
        frozen = math.ceil(frozen / world) + min(frozen, ZERO3_LIVE_PARAMETERS)
    return Workload(
        TransformerShape(
            checkpoint.variant.tokens(data.num_frames, data.height, data.width),
            arguments["num_layers"],
            arguments["dim"],
            arguments["ffn_dim"],
        ),
        frozen_parameters=frozen,
        trained_parameters=trainable_parameters(recipe, checkpoint, expert),
        micro_batch=train.micro_batch,
        frozen_bytes=1 if train.base_precision == "fp8" else 2,
        is_compiled=train.forward == "fast" and train.compile,
        is_full=is_full,
        is_averaged=train.ema > 0,
    )


def _transformer_shapes(checkpoint: WanCheckpoint, expert: Expert | None) -> Shapes:
    return checkpoint.shapes(checkpoint.transformers[expert or ""])
