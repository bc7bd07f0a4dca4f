"""Random Qwen3-VL checkpoints of a small model in the published layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import Qwen2Tokenizer

from vtb.models.families import MARKER
from vtb.models.qwen3_vl.architecture import shapes_of
from vtb.models.qwen3_vl.checkpoint import CONFIG, FAMILY, GENERATION, MODEL_TYPE, WEIGHTS
from vtb.models.qwen3_vl.presets import PRESETS, Preset
from vtb.models.qwen3_vl.processor import write_processor
from vtb.models.qwen3_vl.tokenizer import (
    END_OF_TEXT,
    END_OF_TURN,
    IMAGE,
    MEDIA_TOKENS,
    VIDEO,
    VISION_END,
    VISION_START,
)
from vtb.models.random_weights import random_weights
from vtb.models.structure import parameter_count

VOCABULARY_MULTIPLE = 64


def write_checkpoint(directory: Path, preset: str, seed: int) -> int:
    """Writes every file of a random checkpoint; returns its number of parameters.

    Weights are float32 and a function of the seed and the tensor's name. The marker file is
    written last.
    """
    size = PRESETS[preset]
    tokenizer = write_processor(directory, size).tokenizer
    config = _config(size, tokenizer)
    shapes = shapes_of(config)
    weights = random_weights(shapes, partial(_weight, size), str(seed))
    save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})
    parameters = parameter_count(shapes)
    marker = {"family": FAMILY, "preset": preset, "seed": seed, "parameters": parameters}
    _write_json(directory / CONFIG, config)
    _write_json(directory / GENERATION, _generation_config(tokenizer))
    _write_json(directory / MARKER, marker)
    return parameters


def _weight(size: Preset, name: str, shape: tuple[int, ...], noise: Tensor) -> Tensor:
    if len(shape) == 1:
        return torch.ones(shape) if name.endswith("weight") else torch.zeros(shape)
    return (size.vision_std if name.startswith("model.visual.") else size.text_std) * noise


def _config(size: Preset, tokenizer: Qwen2Tokenizer) -> dict[str, Any]:
    end_of_text = _id(tokenizer, END_OF_TEXT)
    text = {
        **size.text(),
        "vocab_size": -(-len(tokenizer) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE,
        "bos_token_id": end_of_text,
        "eos_token_id": _id(tokenizer, END_OF_TURN),
        "pad_token_id": end_of_text,
    }
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": MODEL_TYPE,
        "dtype": "float32",
        "tie_word_embeddings": True,
        "initializer_range": size.text_std,
        "image_token_id": _id(tokenizer, IMAGE),
        "video_token_id": _id(tokenizer, VIDEO),
        "vision_start_token_id": _id(tokenizer, VISION_START),
        "vision_end_token_id": _id(tokenizer, VISION_END),
        "text_config": text,
        "vision_config": size.vision(),
    }


def _generation_config(tokenizer: Qwen2Tokenizer) -> dict[str, Any]:
    end_of_text = _id(tokenizer, END_OF_TEXT)
    return {
        "do_sample": False,
        "bos_token_id": end_of_text,
        "pad_token_id": end_of_text,
        "eos_token_id": [_id(tokenizer, END_OF_TURN), end_of_text],
        # A sampled media token without its image breaks the pass that trains on the completion.
        "suppress_tokens": [_id(tokenizer, token) for token in MEDIA_TOKENS],
    }


def _id(tokenizer: Qwen2Tokenizer, token: str) -> int:
    return tokenizer.get_vocab()[token]


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
