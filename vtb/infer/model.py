"""The model that makes the clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vtb.core.types import Array
from vtb.infer.batches import Order
from vtb.infer.settings import VideoRequest, VideoSettings
from vtb.models.wan.checkpoint import WanCheckpoint

if TYPE_CHECKING:
    from vtb.infer.device import Placement
    from vtb.models.lora.file import Lora

LOG_NAME = "infer.log"
NEGATIVE_PROMPT = ""

# Makes the frames of orders of one size, RGB uint8 (T, H, W, 3) each, in the model's size.
MakeFrames: TypeAlias = Callable[[Sequence[Order]], Iterable[Array]]


def load_model(
    request: VideoRequest,
    checkpoint: WanCheckpoint,
    loras: Mapping[str, Lora],
    settings: VideoSettings,
    placement: Placement,
    prompts: Iterable[str],
) -> MakeFrames:
    """Encodes the prompts, then loads transformers, with their LoRAs, and VAE."""
    from vtb.models.lora.layers import apply_lora
    from vtb.models.wan.encode import encode_prompts
    from vtb.models.wan.load import load_pipeline
    from vtb.models.wan.sampler import ClipSampler, Sampling

    log = request.out / LOG_NAME
    sampling = Sampling(
        num_frames=settings.shape.num_frames,
        steps=settings.steps,
        shift=settings.shift,
        cfg=settings.cfg,
        cfg_low=settings.cfg_low,
        boundary=settings.boundary,
    )
    negative = [NEGATIVE_PROMPT] if sampling.is_guided else []
    where: dict[str, Any] = {"device": placement.device, "dtype": placement.dtype, "log": log}
    contexts = encode_prompts(request.model, [*prompts, *negative], **where)
    pipe: Any = load_pipeline(request.model, parts=("dit", "dit2", "vae"), **where)
    for expert, lora in loras.items():
        apply_lora(pipe.dit2 if expert == "low" else pipe.dit, lora)
    sampler = ClipSampler(pipe, sampling, contexts.get(NEGATIVE_PROMPT), log)
    takes_image = checkpoint.variant.takes_image

    def make_frames(orders: Sequence[Order]) -> Array:
        return sampler.frames(
            [contexts[order.job.prompt] for order in orders],
            [order.seed for order in orders],
            orders[0].fit.target,
            _pictures(orders) if takes_image else None,
        )

    return make_frames


def _pictures(orders: Sequence[Order]) -> Array:
    pictures = [(order.fit, order.job.picture) for order in orders]
    return np.stack([fit.apply(picture) for fit, picture in pictures if picture is not None])
