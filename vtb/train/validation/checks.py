"""What a recipe's validation lacks, found before anything starts; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator

from vtb.models.wan.variants import WanVariant
from vtb.recipe.schema import VideoRecipe
from vtb.run.plan import Check

SPLIT = "validation"


def clips_are_sampled(recipe: VideoRecipe, variant: WanVariant) -> bool:
    """Whether clips are made and judged; one expert of two, or a VAE, makes none by itself."""
    is_whole = variant.boundary is None and recipe.train.target != "vae"
    return recipe.validation.every > 0 and is_whole


def is_measured(recipe: VideoRecipe, variant: WanVariant) -> bool:
    """Whether held-out samples are needed at all."""
    return recipe.validation.loss_every > 0 or clips_are_sampled(recipe, variant)


def needs_empty_prompt(recipe: VideoRecipe, variant: WanVariant) -> bool:
    """Whether sampled clips are guided away from the empty prompt."""
    return clips_are_sampled(recipe, variant) and recipe.validation.cfg > 1


def validation_checks(
    recipe: VideoRecipe, variant: WanVariant, num_held_out: int
) -> Iterator[Check]:
    """Findings about `[validation]`, with the size of the data set's validation split."""
    table = recipe.validation
    if table.every and not clips_are_sampled(recipe, variant):
        why = "a VAE alone" if recipe.train.target == "vae" else "one of two experts alone"
        more = "the loss is measured" if table.loss_every else "nothing is measured"
        hint = "" if table.loss_every else f"-s validation.loss_every={table.every}"
        yield Check("warning", SPLIT, f"{why} makes no clips: {more}", hint)
    if table.patience and not is_measured(recipe, variant):
        hint = "-s validation.loss_every=50"
        yield Check("warning", SPLIT, "patience has no effect: nothing is measured", hint)
    if not is_measured(recipe, variant):
        return
    if not num_held_out:
        yield Check(
            "error",
            SPLIT,
            "the data set has no validation samples",
            "make more: repeat `vtb gen` with a larger -n; or -s validation.every=0 "
            "-s validation.loss_every=0",
        )
    elif num_held_out < table.samples:
        message = f"{num_held_out} validation samples instead of {table.samples}"
        yield Check("warning", SPLIT, message)
