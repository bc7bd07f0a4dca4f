"""What a step computes, from the recipe and the headers of the weight files; imports no torch."""

from __future__ import annotations

import math

from vtb.models.structure import Shapes, parameter_count
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.lora_targets import linear_shapes, lora_parameter_count, select_targets
from vtb.models.wan.variants import Expert
from vtb.recipe.schema import VideoRecipe
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
            return lora_parameter_count(
                adapted_layers(recipe, checkpoint, expert), recipe.lora.rank
            )


def adapted_layers(recipe: VideoRecipe, checkpoint: WanCheckpoint, expert: Expert | None) -> Shapes:
    """Shapes of the layers that get a LoRA; raises UsageError when a target matches nothing."""
    linears = linear_shapes(_transformer_shapes(checkpoint, expert))
    chosen = select_targets(linears, recipe.lora.target_modules)
    return {name: linears[name] for name in chosen}


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
