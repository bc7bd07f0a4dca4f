"""The parts of the published Qwen-Image repositories: files, structure hashes, class arguments.

Sources: the repositories of Qwen and their config.json; structure hashes recomputed from the
architectures. All variants have the same structures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vtb.models.families import Part

MODEL_INDEX = "model_index.json"
TRANSFORMER_CONFIG = "transformer/config.json"
TOKENIZER_DIRECTORY, PROCESSOR_DIRECTORY = "tokenizer", "processor"
# transformers 5 writes the first of each; the published repositories hold the second.
TOKENIZERS = (
    ("tokenizer.json", "tokenizer_config.json"),
    ("vocab.json", "merges.txt", "tokenizer_config.json"),
)
PROCESSORS = (("processor_config.json",), ("preprocessor_config.json",))

TRANSFORMER: Mapping[str, Any] = {
    "patch_size": 2,
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 60,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 3584,
    "axes_dims_rope": [16, 56, 56],
}
VAE: Mapping[str, Any] = {
    "base_dim": 96,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "attn_scales": [],
    "temperal_downsample": [False, True, True],  # upstream's spelling
}
# Qwen2.5-VL-7B.
TEXT_ENCODER: Mapping[str, Any] = {
    "image_token_id": 151655,
    "video_token_id": 151656,
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
    "tie_word_embeddings": False,
    "text_config": {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1_000_000.0,
            "mrope_section": [16, 24, 24],
        },
    },
    "vision_config": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
        "patch_size": 14,
        "fullatt_block_indexes": [7, 15, 23, 31],
        "window_size": 112,
    },
}

CONFIG_PART = Part(
    "config",
    (
        MODEL_INDEX,
        TRANSFORMER_CONFIG,
        "text_encoder/config.json",
        "vae/config.json",
        "scheduler/scheduler_config.json",
    ),
)
# Weights may also be in shards, which an index beside them names.
MODEL_PARTS = (
    Part(
        "dit",
        ("transformer/diffusion_pytorch_model.safetensors",),
        "0319a1cb19835fb510907dd3367c95ff",
        TRANSFORMER,
        architecture="dit",
    ),
    Part(
        "text_encoder",
        ("text_encoder/model.safetensors",),
        "8004730443f55db63092006dd9f7110e",
        TEXT_ENCODER,
        architecture="text_encoder",
    ),
    Part(
        "vae",
        ("vae/diffusion_pytorch_model.safetensors",),
        "ed4ea5824d55ec3107b09815e318123a",
        VAE,
        architecture="vae",
    ),
)
TOKENIZER_PART = Part("tokenizer", tuple(f"{TOKENIZER_DIRECTORY}/{f}" for f in TOKENIZERS[0]))
PROCESSOR_PART = Part(
    "processor", tuple(f"{PROCESSOR_DIRECTORY}/{f}" for f in (*TOKENIZERS[0], *PROCESSORS[0]))
)
TEXT_PARTS = (CONFIG_PART, *MODEL_PARTS, TOKENIZER_PART)
EDIT_PARTS = (*TEXT_PARTS, PROCESSOR_PART)
