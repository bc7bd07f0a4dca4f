"""The sizes of the small Qwen3-VL models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATCHES: Mapping[str, Any] = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
ROPE_THETA = 5_000_000


@dataclass(frozen=True, slots=True)
class Preset:
    """The size of a model; vision layers are `vision_*`, the others those of the language model.

    `mrope_section` splits half of `head_dim` between time, height and width; three times the
    second or third part is no more than that half. `max_image_tokens` is the largest picture, in
    tokens of 32x32 px, and weights are drawn with `text_std` and `vision_std`. The tokenizer
    learns `text_tokens` tokens from the file `corpus`.
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    head_dim: int
    mrope_section: tuple[int, int, int]
    vision_hidden: int
    vision_intermediate: int
    vision_depth: int
    vision_heads: int
    max_image_tokens: int
    text_std: float
    vision_std: float
    corpus: str
    text_tokens: int

    def text(self) -> dict[str, Any]:
        """The language model's part of `config.json`, but for what the tokenizer decides."""
        return {
            "model_type": "qwen3_vl_text",
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": 2,
            "head_dim": self.head_dim,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": ROPE_THETA,
                "mrope_section": list(self.mrope_section),
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "initializer_range": self.text_std,
        }

    def vision(self) -> dict[str, Any]:
        """The vision tower's part of `config.json`."""
        return {
            "model_type": "qwen3_vl_vision",
            "depth": self.vision_depth,
            "hidden_size": self.vision_hidden,
            "intermediate_size": self.vision_intermediate,
            "num_heads": self.vision_heads,
            "in_channels": 3,
            "patch_size": PATCHES["patch_size"],
            "spatial_merge_size": PATCHES["merge_size"],
            "temporal_patch_size": PATCHES["temporal_patch_size"],
            "out_hidden_size": self.hidden,
            "num_position_embeddings": 256,
            "deepstack_visual_indexes": [0],
            "initializer_range": self.vision_std,
        }


PRESETS: Mapping[str, Preset] = {
    "tiny": Preset(
        hidden=64,
        intermediate=128,
        layers=2,
        heads=4,
        head_dim=16,
        mrope_section=(4, 2, 2),
        vision_hidden=32,
        vision_intermediate=64,
        vision_depth=2,
        vision_heads=2,
        max_image_tokens=64,
        # With the usual 0.02 a LoRA cannot learn, since the embeddings are frozen.
        text_std=0.15,
        vision_std=0.1,
        corpus="corpus.txt",
        text_tokens=363,
    ),
    "mini": Preset(
        hidden=192,
        intermediate=384,
        layers=6,
        heads=6,
        head_dim=32,
        mrope_section=(8, 4, 4),
        vision_hidden=96,
        vision_intermediate=192,
        vision_depth=3,
        vision_heads=4,
        max_image_tokens=1024,
        text_std=0.05,
        vision_std=0.05,
        # The questions of mazes and eyeballing: a word is one token, as in a large vocabulary.
        corpus="questions.txt",
        text_tokens=812,
    ),
}
