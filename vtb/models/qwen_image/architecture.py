"""The model classes behind each part of a Qwen-Image checkpoint, built without storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from vtb.models.families import Part
from vtb.models.structure import Shapes

# transformers renamed the modules after the text encoder was published.
PUBLISHED_PREFIXES = {"model.visual.": "visual.", "model.language_model.": "model."}


def shapes_of(part: Part) -> Shapes:
    """Every tensor of a part's files with its shape; raises KeyError for a part without tensors."""
    build = {"dit": _transformer, "vae": _vae, "text_encoder": _text_encoder}[part.architecture]
    with torch.device("meta"):
        state = build(part.arguments).state_dict()
    return {_published_name(name): tuple(tensor.shape) for name, tensor in state.items()}


def _transformer(arguments: Mapping[str, Any]) -> nn.Module:
    return QwenImageTransformer2DModel(**arguments)


def _vae(arguments: Mapping[str, Any]) -> nn.Module:
    return AutoencoderKLQwenImage(**arguments)


def _text_encoder(arguments: Mapping[str, Any]) -> nn.Module:
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**arguments))


def _published_name(name: str) -> str:
    for prefix, published in PUBLISHED_PREFIXES.items():
        if name.startswith(prefix):
            return published + name.removeprefix(prefix)
    return name
