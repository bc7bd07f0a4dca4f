"""The kinds of recipes."""

from __future__ import annotations

from collections.abc import Mapping

from vtb.recipe.image import ImageRecipe
from vtb.recipe.schema import Recipe, VideoRecipe
from vtb.recipe.vlm import VlmRecipe

KINDS: Mapping[str, type[Recipe]] = {
    "video": VideoRecipe,
    "image": ImageRecipe,
    "vlm": VlmRecipe,
}
