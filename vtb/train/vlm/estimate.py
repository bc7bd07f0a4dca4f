"""How much memory a step of a vision-language model takes on a device; imports no torch.

Counted from what each strategy keeps where. Nothing here is fitted to a measurement yet, so it
serves to warn, not to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from vtb.models.structure import Shapes, parameter_count
from vtb.recipe.vlm import VlmRecipe

GIB = 1 << 30
# Per trained parameter: AdamW's two moments, float32.
MOMENTS_BYTES = 8
# Tensors of the width of the stream, and of that of the MLP, that a layer's backward pass needs.
WIDE, INNER = 12, 3
# Logits, their gradient and the float32 copy that the loss is taken of.
LOGITS_BYTES = 10
OVERHEAD_GIB = 2.0


@dataclass(frozen=True, slots=True)
class Size:
    """A model's parameters, those that are trained, and the dimensions of its language model."""

    parameters: int
    trained: int
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int

    @classmethod
    def of(cls, config: Mapping[str, Any], parameters: int, trained: int) -> Self:
        """Reads the dimensions from a `config.json`."""
        text = config["text_config"]
        return cls(
            parameters,
            trained,
            text["num_hidden_layers"],
            text["hidden_size"],
            text["intermediate_size"],
            text["vocab_size"],
        )


def memory_gib(recipe: VlmRecipe, size: Size, tokens: int, world: int, device_gib: float) -> float:
    """Peak GiB on each of `world` devices with `device_gib`, at samples of so many tokens."""
    held = _states_bytes(recipe, size, world) + _activation_bytes(recipe, size, tokens)
    is_shared = recipe.train.method == "grpo" and recipe.rollout.engine == "vllm-colocate"
    return held / GIB + OVERHEAD_GIB + is_shared * recipe.rollout.memory * device_gib


def rollout_gib(recipe: VlmRecipe, shapes: Shapes) -> float:
    """GiB of the weights that vLLM keeps on each device; 0 where it does not run."""
    is_used = recipe.train.method == "grpo" and recipe.rollout.engine == "vllm-colocate"
    each = 4 if recipe.model.dtype == "fp32" else 2
    return is_used * each * parameter_count(shapes) / GIB


def _states_bytes(recipe: VlmRecipe, size: Size, world: int) -> float:
    """Weights, gradients and the optimizer's state."""
    strategy, is_full = recipe.dist.strategy, recipe.train.target == "full"
    # Without DeepSpeed, which keeps a float32 copy, trained weights are float32 themselves.
    is_wide = recipe.model.dtype == "fp32" or (is_full and strategy == "ddp")
    each = 4 if is_wide else 2
    weights = each * size.parameters
    if not is_full:
        weights += 4 * size.trained
    if is_full and recipe.train.method == "grpo" and recipe.grpo.beta:
        weights += each * size.parameters
    gradients = (each if is_full else 4) * size.trained
    optimizer = (MOMENTS_BYTES + (4 if is_full and not is_wide else 0)) * size.trained
    if strategy.startswith("zero3"):
        weights /= world
    if strategy != "ddp":
        gradients, optimizer = gradients / world, optimizer / world
    if strategy.endswith("offload"):
        optimizer = 0.0
    return weights + gradients + optimizer


def _activation_bytes(recipe: VlmRecipe, size: Size, tokens: int) -> float:
    train = recipe.train
    each = 4 if recipe.model.dtype == "fp32" else 2
    layer = each * (WIDE * size.hidden + INNER * size.intermediate)
    # Recomputed layers keep their input; one at a time is whole.
    is_kept = not train.activation_checkpointing
    kept = size.layers * (layer if is_kept else each * size.hidden) + layer
    return train.micro_batch * tokens * (kept + LOGITS_BYTES * size.vocabulary)
