"""What a step on pictures computes; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from vtb.models.lora.targets import lora_parameter_count
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.models.structure import parameter_count
from vtb.recipe.image import ImageRecipe
from vtb.train.image.pictures import TOKEN_PX
from vtb.train.launch.adapter import adapted_layers
from vtb.train.launch.estimate import TransformerShape, Workload

# A question of some sentences, and the pictures to edit as the text encoder sees them.
TEXT_TOKENS = 300
FFN_RATIO = 4


def picture_tokens(shapes: Sequence[tuple[int, ...]]) -> int:
    """Tokens of the largest sample's pictures, from their sides in px."""
    return max(
        sum(height * width for height, width in zip(shape[::2], shape[1::2], strict=True))
        // TOKEN_PX**2
        for shape in set(shapes)
    )


def picture_workload(
    recipe: ImageRecipe, checkpoint: QwenImageCheckpoint, shapes: Sequence[tuple[int, ...]]
) -> Workload:
    """One micro-batch on one device; raises UsageError when a LoRA target matches nothing.

    Both streams of a block are counted as one: their layers have equal sizes.
    """
    train, dit = recipe.train, checkpoint.part("dit")
    arguments = dit.arguments
    dim = arguments["num_attention_heads"] * arguments["attention_head_dim"]
    layers = adapted_layers(recipe.lora, checkpoint)
    return Workload(
        TransformerShape(
            picture_tokens(shapes) + TEXT_TOKENS, arguments["num_layers"], dim, FFN_RATIO * dim
        ),
        frozen_parameters=parameter_count(checkpoint.shapes(dit)),
        trained_parameters=lora_parameter_count(layers, recipe.lora.rank),
        micro_batch=train.micro_batch,
        is_compiled=train.forward == "fast" and train.compile,
        is_averaged=train.ema > 0,
    )
