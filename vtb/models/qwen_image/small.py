"""Qwen-Image's transformer and text encoder at other sizes than the published ones.

diffsynth's classes fix the sizes in their constructors; the forward passes work with any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffsynth.models.general_modules import AdaLayerNorm, RMSNorm, TimestepEmbeddings
from diffsynth.models.qwen_image_dit import (
    QwenEmbedRope,
    QwenImageDiT,
    QwenImageTransformerBlock,
)
from diffsynth.models.qwen_image_text_encoder import QwenImageTextEncoder
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLModel

TIME_CHANNELS, THETA, EPS = 256, 10000, 1e-6


class SmallQwenImageDiT(QwenImageDiT):
    """diffsynth's transformer with the arguments of that in diffusers."""

    def __init__(
        self,
        *,
        patch_size: int,
        in_channels: int,
        out_channels: int,
        num_layers: int,
        attention_head_dim: int,
        num_attention_heads: int,
        joint_attention_dim: int,
        axes_dims_rope: Sequence[int],
    ) -> None:
        nn.Module.__init__(self)
        dim = num_attention_heads * attention_head_dim
        self.pos_embed = QwenEmbedRope(THETA, list(axes_dims_rope), scale_rope=True)
        self.time_text_embed = TimestepEmbeddings(
            TIME_CHANNELS, dim, diffusers_compatible_format=True, scale=1000
        )
        self.txt_norm = RMSNorm(joint_attention_dim, eps=EPS)
        self.img_in = nn.Linear(in_channels, dim)
        self.txt_in = nn.Linear(joint_attention_dim, dim)
        self.transformer_blocks = nn.ModuleList(
            QwenImageTransformerBlock(dim, num_attention_heads, attention_head_dim)
            for _ in range(num_layers)
        )
        self.norm_out = AdaLayerNorm(dim, single=True)
        self.proj_out = nn.Linear(dim, patch_size**2 * out_channels)


class SmallQwenImageTextEncoder(QwenImageTextEncoder):
    """diffsynth's text encoder with the configuration of a Qwen2.5-VL of any size."""

    def __init__(self, **config: Any) -> None:
        nn.Module.__init__(self)
        self.config = Qwen2_5_VLConfig(**config)
        text: Any = self.config.text_config
        self.model = Qwen2_5_VLModel(self.config)
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
