"""Random Wan checkpoints of small models in the published layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vtb.models.families import MARKER
from vtb.models.random_weights import Rule, nonzero_weight, random_weights
from vtb.models.structure import parameter_count, structure_hash
from vtb.models.wan.architecture import shapes_of
from vtb.models.wan.initial import transformer_weight, vae_weight
from vtb.models.wan.published import TOKENIZER_DIRECTORY
from vtb.models.wan.save import write_part
from vtb.models.wan.tokenizer import write_tokenizer
from vtb.models.wan.variants import TEXT_TOKENS, WanVariant

# By architecture. Head dimension 24: rotary embedding splits it in three and needs even parts. The
# VAEs keep their 48 and 16 channels, whose mean and deviation are constants of the code.
SIZES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "tiny": {
        "dit": {"dim": 48, "ffn_dim": 96, "freq_dim": 32, "text_dim": 32}
        | {"num_heads": 2, "num_layers": 2},
        "text_encoder": {"dim": 32, "dim_attn": 32, "dim_ffn": 64}
        | {"num_heads": 2, "num_layers": 2, "num_buckets": 32, "shared_pos": False},
        "vae2.1": {"dim": 8, "z_dim": 16},
        "vae2.2": {"dim": 8, "dec_dim": 8, "z_dim": 48, "num_res_blocks": 1},
    },
    "mini": {
        "dit": {"dim": 256, "ffn_dim": 512, "freq_dim": 256, "text_dim": 64}
        | {"num_heads": 8, "num_layers": 8},
        "text_encoder": {"dim": 64, "dim_attn": 64, "dim_ffn": 128}
        | {"num_heads": 2, "num_layers": 2, "num_buckets": 32, "shared_pos": False},
        "vae2.1": {"dim": 16, "z_dim": 16},
        "vae2.2": {"dim": 16, "dec_dim": 16, "z_dim": 48, "num_res_blocks": 1},
    },
}
# The tiny ones show in tests whether every tensor is used; the mini ones are there to be trained.
# Nothing trains the text encoder, so its noise must tell prompts apart as it is.
INITIAL: Mapping[str, Mapping[str, Rule]] = {
    "tiny": {},
    "mini": {"dit": transformer_weight, "vae2.1": vae_weight, "vae2.2": vae_weight},
}


def write_checkpoint(directory: Path, variant: WanVariant, preset: str, seed: int) -> int:
    """Writes every file of a random checkpoint; returns its number of parameters.

    Weights are a function of the seed and the tensor's name. The marker file, written last, holds
    the constructor arguments with which the loader rebuilds the models.
    """
    vocabulary = write_tokenizer(directory / TOKENIZER_DIRECTORY)
    marker: dict[str, Any] = {"family": variant.family, "preset": preset, "seed": seed}
    marker |= {"parameters": 0, "parts": {}}
    for part in (part for part in variant.parts if part.structure_hash):
        arguments = {**part.arguments, **SIZES[preset][part.architecture]}
        if part.name == "text_encoder":
            arguments["vocab"] = vocabulary
        shapes = shapes_of(replace(part, arguments=arguments))
        rule = INITIAL[preset].get(part.architecture, nonzero_weight)
        weights = random_weights(shapes, rule, f"{seed}/{part.name}")
        # As published.
        dtype = torch.bfloat16 if part.architecture == "text_encoder" else torch.float32
        write_part(directory, part, weights, dtype=dtype)
        marker["parameters"] += parameter_count(shapes)
        marker["parts"][part.name] = {
            "structure_hash": structure_hash(shapes),
            "arguments": arguments,
        }
    for part in variant.transformers:
        config = _config(variant, marker["parts"][part.name]["arguments"])
        _write_json((directory / part.files[0]).parent / "config.json", config)
    _write_json(directory / MARKER, marker)
    return marker["parameters"]


def _config(variant: WanVariant, dit: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("dim", "eps", "ffn_dim", "freq_dim", "in_dim", "num_heads", "num_layers", "out_dim")
    facts = {key: dit[key] for key in keys}
    kind = {"model_type": variant.family.split("-")[1], "text_len": TEXT_TOKENS}
    return {"_class_name": "WanModel", **kind, **facts}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
