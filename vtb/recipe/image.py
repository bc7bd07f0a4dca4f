"""What a recipe of kind `image` may say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vtb.core.config import Config
from vtb.recipe.schema import (
    CacheTable,
    DiffusionTrainTable,
    LogTable,
    LoraTable,
    Positive,
    Recipe,
    SaveTable,
)


class ImageModelTable(Config):
    """The base model."""

    family: str = Field(default="qwen-image-edit-2511", description="Name of a model family.")


class ImageDataTable(Config):
    """How pictures of the data set become pictures of the model."""

    max_pixels: Positive = Field(
        default=1_048_576, description="Largest area of a picture, px; larger ones shrink."
    )
    edit_image_auto_resize: bool = Field(
        default=False,
        description="Scale each picture to edit to a megapixel, as diffsynth does, not to the size "
        "of the picture to make.",
    )


class ImageLoraTable(LoraTable):
    """The adapter."""

    target_modules: tuple[str, ...] = Field(
        default=(
            *("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj"),
            *("to_out.0", "to_add_out", "img_mlp.net.2", "img_mod.1", "txt_mlp.net.2", "txt_mod.1"),
        ),
        description="Endings of the adapted layers' names.",
    )


class ImageTrainTable(DiffusionTrainTable):
    """Optimization and the flow-matching objective."""

    loss_weighting: Literal["bell", "none"] = Field(
        default="bell", description="Weight of a timestep: diffsynth's bell curve, or 1."
    )
    compile: bool = Field(
        default=True, description="Compile the blocks of the fast forward; ignored on a CPU."
    )


class ImageRecipe(Recipe):
    """Training of an image model: `vtb train image`."""

    kind: Literal["image"]
    model: ImageModelTable = ImageModelTable()
    data: ImageDataTable = ImageDataTable()
    lora: ImageLoraTable = ImageLoraTable()
    train: ImageTrainTable = ImageTrainTable()
    cache: CacheTable = CacheTable()
    save: SaveTable = SaveTable()
    log: LogTable = LogTable()
