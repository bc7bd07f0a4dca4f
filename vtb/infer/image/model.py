"""The model that makes the pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from vtb.core.types import Array
from vtb.infer.batches import Order
from vtb.infer.image.settings import ImageRequest, ImageSettings
from vtb.infer.model import LOG_NAME
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.models.qwen_image.variants import References
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from vtb.infer.device import Placement
    from vtb.models.lora.file import Lora

# Makes the picture of an order, RGB uint8 (H, W, 3), in the model's size.
MakePicture: TypeAlias = Callable[[Order], Array]


def load_model(
    request: ImageRequest,
    checkpoint: QwenImageCheckpoint,
    lora: Lora | None,
    settings: ImageSettings,
    placement: Placement,
) -> MakePicture:
    """Loads diffsynth's pipeline, with the LoRA on its transformer."""
    from vtb.models.lora.layers import apply_lora
    from vtb.models.qwen_image.load import load_pipeline

    log, variant = request.out / LOG_NAME, checkpoint.variant
    pipe: Any = load_pipeline(
        request.model, device=placement.device, dtype=placement.dtype, log=log
    )
    if lora is not None:
        apply_lora(pipe.dit, lora)

    def make_picture(order: Order) -> Array:
        height, width = order.fit.target
        with quiet(log):
            made = pipe(
                order.job.prompt,
                cfg_scale=settings.cfg,
                edit_image=_edited(order, variant.references),
                edit_image_auto_resize=settings.edit_image_auto_resize,
                zero_cond_t=variant.zero_cond_t,
                height=height,
                width=width,
                seed=order.seed,
                num_inference_steps=settings.steps,
                progress_bar_cmd=iter,
            )
        return np.asarray(made, dtype=np.uint8)

    return make_picture


def _edited(order: Order, references: References) -> Image.Image | list[Image.Image] | None:
    """The picture to edit, in the form in which the model was trained to take it."""
    if references == "none" or order.job.picture is None:
        return None
    picture = Image.fromarray(order.fit.apply(order.job.picture))
    return picture if references == "one" else [picture]
