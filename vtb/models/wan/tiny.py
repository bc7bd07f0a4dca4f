"""Random Wan checkpoints of a few hundred kilobytes in the published layout."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vtb.models.families import MARKER, Part
from vtb.models.structure import Shapes, parameter_count, structure_hash
from vtb.models.wan.architecture import shapes_of
from vtb.models.wan.tokenizer import write_tokenizer
from vtb.models.wan.variants import TOKENIZER_DIRECTORY, WanVariant

# Head dimension 24: rotary embedding splits it in three and needs even parts. The VAE keeps its
# 48 channels, whose mean and deviation are constants of the code.
SIZES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "tiny": {
        "dit": {"dim": 48, "ffn_dim": 96, "freq_dim": 32, "text_dim": 32}
        | {"num_heads": 2, "num_layers": 2},
        "text_encoder": {"dim": 32, "dim_attn": 32, "dim_ffn": 64}
        | {"num_heads": 2, "num_layers": 2, "num_buckets": 32, "shared_pos": False},
        "vae": {"dim": 8, "dec_dim": 8, "z_dim": 48, "num_res_blocks": 1},
    }
}


def write_checkpoint(directory: Path, variant: WanVariant, preset: str, seed: int) -> int:
    """Writes every file of a random checkpoint; returns its number of parameters.

    Weights are a function of the seed and the tensor's name, and none is zero. The marker file,
    written last, holds the constructor arguments with which the loader rebuilds the models.
    """
    vocabulary = write_tokenizer(directory / TOKENIZER_DIRECTORY)
    marker: dict[str, Any] = {"family": variant.family, "preset": preset, "seed": seed}
    marker |= {"parameters": 0, "parts": {}}
    for part in (part for part in variant.parts if part.structure_hash):
        arguments = {**part.arguments, **SIZES[preset][part.name]}
        if part.name == "text_encoder":
            arguments["vocab"] = vocabulary
        shapes = shapes_of(replace(part, arguments=arguments))
        _write_part(directory, part, _weights(shapes, f"{seed}/{part.name}"))
        marker["parameters"] += parameter_count(shapes)
        marker["parts"][part.name] = {
            "structure_hash": structure_hash(shapes),
            "arguments": arguments,
        }
    _write_json(directory / "config.json", _config(marker["parts"]["dit"]["arguments"]))
    _write_json(directory / MARKER, marker)
    return marker["parameters"]


def _weights(shapes: Shapes, key: str) -> dict[str, Tensor]:
    return {name: _random(name, shape, key) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...], key: str) -> Tensor:
    digest = hashlib.blake2b(f"{key}/{name}".encode(), digest_size=7).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
    noise = torch.randn(shape, generator=generator)
    if name.endswith("gamma") or (name.endswith("weight") and len(shape) == 1):
        return 1 + 0.1 * noise
    if len(shape) == 1:
        return 0.02 * noise
    return noise / math.sqrt(math.prod(shape[1:]))


def _write_part(directory: Path, part: Part, weights: dict[str, Tensor]) -> None:
    if part.name == "dit":
        _write_shards(directory, part.files, weights)
        return
    dtype = torch.bfloat16 if part.name == "text_encoder" else torch.float32  # as published
    torch.save({name: w.to(dtype) for name, w in weights.items()}, directory / part.files[0])


def _write_shards(directory: Path, files: tuple[str, ...], weights: dict[str, Tensor]) -> None:
    names = list(weights)
    per_file = math.ceil(len(names) / len(files))
    weight_map: dict[str, str] = {}
    for i, file in enumerate(files):
        shard = {name: weights[name] for name in names[i * per_file : (i + 1) * per_file]}
        save_file(shard, directory / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(shard, file)
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    _write_json(directory / "diffusion_pytorch_model.safetensors.index.json", index)


def _config(dit: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("dim", "eps", "ffn_dim", "freq_dim", "in_dim", "num_heads", "num_layers", "out_dim")
    facts = {key: dit[key] for key in keys}
    return {"_class_name": "WanModel", "model_type": "ti2v", "text_len": 512, **facts}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
