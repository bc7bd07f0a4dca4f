"""Which layers of a Qwen3-VL model are trained, by the names of its tensors; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from vtb.core.errors import UsageError, did_you_mean
from vtb.models.structure import Shapes, parameter_count
from vtb.recipe.vlm import Frozen, VlmRecipe

VISION = "model.visual."
ALIGNER = ("model.visual.merger.", "model.visual.deepstack_merger_list.")
# Tables that are looked up, and the layer that all answers go through.
NOT_LINEAR = ("embed_tokens", "pos_embed", "lm_head")
ALL_LINEAR = ("all-linear",)


def is_frozen(name: str, freeze: Sequence[Frozen]) -> bool:
    """Whether the tensor or layer of that name stays as it is."""
    if name.startswith(ALIGNER):
        return "aligner" in freeze
    return name.startswith(VISION) and "vision" in freeze


def lora_layers(shapes: Shapes, recipe: VlmRecipe) -> dict[str, tuple[int, ...]]:
    """The layers that get an adapter, with the shape of their weights, (out, in).

    Raises UsageError when a target matches no layer that may be trained.
    """
    linear = {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if len(shape) == 2 and not is_frozen(name, recipe.train.freeze)
    }
    linear = {name: shape for name, shape in linear.items() if _end(name) not in NOT_LINEAR}
    targets = recipe.lora.target_modules
    if targets == ALL_LINEAR:
        return linear
    for target in targets:
        if not any(_matches(name, target) for name in linear):
            raise UsageError(
                f"`lora.target_modules` has `{target}`, which is no linear layer to be trained",
                hint=did_you_mean(target, {_end(name) for name in linear}),
            )
    return {
        name: shape
        for name, shape in linear.items()
        if any(_matches(name, target) for target in targets)
    }


def trainable_parameters(shapes: Shapes, recipe: VlmRecipe) -> int:
    """Parameters that get gradients; raises as `lora_layers` does."""
    if recipe.train.target == "lora":
        return sum(recipe.lora.rank * sum(shape) for shape in lora_layers(shapes, recipe).values())
    trained = {
        name: shape for name, shape in shapes.items() if not is_frozen(name, recipe.train.freeze)
    }
    return parameter_count(trained)


def _end(name: str) -> str:
    return name.rpartition(".")[2]


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")
