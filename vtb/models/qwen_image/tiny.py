"""Random Qwen-Image checkpoints of small models in the published layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import Qwen2Tokenizer

from vtb.core.files import atomic_write_json
from vtb.models.families import MARKER
from vtb.models.qwen3_vl.tokenizer import (
    END_OF_TEXT,
    END_OF_TURN,
    IMAGE,
    VIDEO,
    VISION_END,
    VISION_START,
)
from vtb.models.qwen_image.architecture import shapes_of
from vtb.models.qwen_image.configs import write_configs
from vtb.models.qwen_image.processor import write_processor, write_tokenizer
from vtb.models.qwen_image.published import PROCESSOR_DIRECTORY, TOKENIZER_DIRECTORY
from vtb.models.qwen_image.variants import QwenImageVariant
from vtb.models.random_weights import nonzero_weight, random_weights
from vtb.models.structure import parameter_count, structure_hash

# By preset and architecture. The VAE keeps its 16 channels, whose mean and deviation are constants
# of the code.
SIZES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "tiny": {
        "dit": {"num_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2}
        | {"joint_attention_dim": 32, "axes_dims_rope": [4, 6, 6]},
        "vae": {"base_dim": 8, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1},
        "text_encoder": {
            "text_config": {
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "rms_norm_eps": 1e-6,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1_000_000.0,
                    "mrope_section": [2, 3, 3],
                },
            },
            "vision_config": {
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_heads": 2,
                "out_hidden_size": 32,
                "patch_size": 14,
                "fullatt_block_indexes": [1],
                "window_size": 112,
            },
        },
    },
}
VOCABULARY_MULTIPLE = 64
TOKEN_IDS = {
    "image_token_id": IMAGE,
    "video_token_id": VIDEO,
    "vision_start_token_id": VISION_START,
    "vision_end_token_id": VISION_END,
}
TEXT_TOKEN_IDS = {
    "bos_token_id": END_OF_TEXT,
    "pad_token_id": END_OF_TEXT,
    "eos_token_id": END_OF_TURN,
}


def write_checkpoint(directory: Path, variant: QwenImageVariant, preset: str, seed: int) -> int:
    """Writes every file of a random checkpoint; returns its number of parameters.

    Weights are float32 and a function of the seed and the tensor's name. The marker file, written
    last, holds the constructor arguments with which the loader rebuilds the models.
    """
    tokenizer = write_tokenizer(directory / TOKENIZER_DIRECTORY)
    if variant.references != "none":
        write_processor(directory / PROCESSOR_DIRECTORY)
    marker: dict[str, Any] = {"family": variant.family, "preset": preset, "seed": seed}
    marker |= {"parameters": 0, "parts": {}}
    for part in (part for part in variant.parts if part.architecture):
        arguments = {**part.arguments, **SIZES[preset][part.architecture]}
        if part.architecture == "text_encoder":
            arguments = _with_vocabulary(arguments, tokenizer)
        shapes = shapes_of(replace(part, arguments=arguments))
        path = directory / part.files[0]
        path.parent.mkdir()
        weights = random_weights(shapes, nonzero_weight, f"{seed}/{part.name}")
        save_file(weights, path, metadata={"format": "pt"})
        marker["parameters"] += parameter_count(shapes)
        marker["parts"][part.name] = {
            "structure_hash": structure_hash(shapes),
            "arguments": arguments,
        }
    write_configs(directory, variant, {k: v["arguments"] for k, v in marker["parts"].items()})
    atomic_write_json(directory / MARKER, marker)
    return marker["parameters"]


def _with_vocabulary(arguments: Mapping[str, Any], tokenizer: Qwen2Tokenizer) -> dict[str, Any]:
    vocabulary = tokenizer.get_vocab()
    size = -(-len(tokenizer) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
    ids, text_ids = (
        {key: vocabulary[token] for key, token in tokens.items()}
        for tokens in (TOKEN_IDS, TEXT_TOKEN_IDS)
    )
    text = {**arguments["text_config"], "vocab_size": size, **text_ids}
    return {**arguments, **ids, "text_config": text}
