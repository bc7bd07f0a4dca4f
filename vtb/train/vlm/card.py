"""The model card of a finished run."""

from __future__ import annotations

from collections.abc import Mapping

from vtb.core.files import read_json_lines
from vtb.recipe.vlm import VlmDataTable, VlmRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.card import losses, model_card, steps_of

# A step's mean reward is noisy.
SHOWN_STEPS = 10


def card(run: RunDirectory, recipe: VlmRecipe, step: int) -> str:
    """README.md: what was trained, on what, how, and with which result."""
    train = recipe.train
    what = "Adapter" if train.target == "lora" else "Checkpoint"
    shown = _how_shown(recipe.data)
    use = "--model BASE --lora" if train.target == "lora" else "--model"
    return model_card(
        run,
        "vtb train vlm",
        header=f"base_model: {recipe.model.family}\ntags: [vtb, image-text-to-text]",
        title=f"{what} of `{recipe.model.family}`, trained by {train.method.upper()}",
        body=f"`vtb infer vlm {use} THIS --data DIR` takes this directory. {shown}",
        rows={
            **_shown(recipe.data),
            "steps": steps_of(train, step),
            "trained": _trained(recipe),
            "backend": train.backend,
            "seed": str(train.seed),
            "loss": losses(run),
            **_rewards(run),
        },
    )


def _how_shown(data: VlmDataTable) -> str:
    if data.media == "video":
        return "It shows pictures, and training showed clips."
    return "It holds the processor that the pictures were seen through in training."


def _shown(data: VlmDataTable) -> Mapping[str, str]:
    if data.media == "image":
        return {"pictures": f"{data.image_min_tokens} to {data.image_max_tokens} tokens"}
    tokens = f"{data.video_min_tokens} to {data.video_max_tokens} tokens for two frames"
    return {"clips": f"{data.fps:g} frames per second, {tokens}"}


def _trained(recipe: VlmRecipe) -> str:
    frozen = f"; not the {' and '.join(recipe.train.freeze)}" if recipe.train.freeze else ""
    if recipe.train.target == "full":
        return f"all weights{frozen}"
    lora = recipe.lora
    return f"LoRA of rank {lora.rank}, alpha {lora.alpha:g}{frozen}"


def _rewards(run: RunDirectory) -> Mapping[str, str]:
    earned = [row["reward"] for row in read_json_lines(run.events) if "reward" in row]
    if not earned:
        return {}
    shown = min(SHOWN_STEPS, len(earned))
    before, after = (sum(part) / shown for part in (earned[:shown], earned[-shown:]))
    return {"reward": f"{before:.3f} over the first {shown} steps, {after:.3f} over the last"}
