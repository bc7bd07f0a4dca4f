"""What diffsynth 2.1.12 computes otherwise than the published models, put right after loading."""

from __future__ import annotations

from typing import Any

from diffsynth.models.qwen_image_dit import ApproximateGELU
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLRotaryEmbedding,
    Qwen2_5_VLVisionRotaryEmbedding,
)


class TanhGELU(ApproximateGELU):
    """The activation of the published transformer.

    diffsynth has x * sigmoid(1.702 x), which changes the velocity by 0.2 %.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        return gelu(self.proj(x), approximate="tanh")


def repair_transformer(dit: nn.Module) -> None:
    """Gives a transformer the activation that it was trained with."""
    for module in dit.modules():
        if type(module) is ApproximateGELU:
            module.__class__ = TanhGELU


def repair_text_encoder(text_encoder: Any) -> None:
    """Has a text encoder see images in two dimensions, and count positions in float32.

    transformers 5 counts a picture's tokens as if they were text unless it is told which they are,
    and diffsynth does not tell it. And it rounds the rotary frequencies to the dtype of the
    weights: in bfloat16, token 1000 is then a radian off.
    """
    text_encoder.model.register_forward_pre_hook(_tell_image_tokens, with_kwargs=True)
    for module in text_encoder.modules():
        if isinstance(module, Qwen2_5_VLRotaryEmbedding | Qwen2_5_VLVisionRotaryEmbedding):
            rotary: Any = module
            exact = type(rotary)(rotary.config).to(rotary.inv_freq.device)
            rotary.inv_freq, rotary.original_inv_freq = exact.inv_freq, exact.original_inv_freq


def _tell_image_tokens(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    is_image = kwargs["input_ids"] == model.config.image_token_id
    return args, {**kwargs, "mm_token_type_ids": is_image.int()}
