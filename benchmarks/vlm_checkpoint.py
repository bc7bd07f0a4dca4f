"""A Qwen3-VL checkpoint of a published size with random weights, for `vlm_training.py`.

Sizes, vocabulary and ids of special tokens are those of the published configuration, so that tools
with these ids built in run it too. Words come from a small tokenizer of our own.

    python benchmarks/vlm_checkpoint.py DIR [--size 2b] [--dtype bfloat16] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from vtb.models.families import MARKER
from vtb.models.qwen3_vl.architecture import shapes_of
from vtb.models.qwen3_vl.checkpoint import CONFIG, GENERATION, INDEX, TOKENIZER, WEIGHTS
from vtb.models.structure import Shapes, parameter_count

# Published: text tokens, then 26 special ones, then ids that no text has.
TEXT_TOKENS, VOCABULARY = 151_643, 151_936
SHARD_BYTES = 1 << 30
STD = 0.02

VISION: Mapping[str, Any] = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [5, 11, 17],
}
ROPE: Mapping[str, Any] = {
    "rope_type": "default",
    "rope_theta": 5_000_000,
    "mrope_section": [24, 20, 20],
    "mrope_interleaved": True,
}
TEXT: Mapping[str, Mapping[str, Any]] = {
    "2b": {
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
    },
    "4b": {
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
    },
}
# The layers of our tiny model, but with the published vocabulary.
SIZES = ("tiny", *TEXT)


def main() -> None:
    """Writes one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--size", default="2b", choices=SIZES)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count = write_random_checkpoint(options.directory, options.size, options.dtype, options.seed)
    print(f"{options.directory}: {count:,} random parameters, {options.dtype}")


def write_random_checkpoint(directory: Path, size: str, dtype: str, seed: int = 0) -> int:
    """Writes every file of a checkpoint, one shard in memory; returns its number of parameters."""
    init_small(directory, "tiny" if size == "tiny" else "mini", seed)
    distance = publish_token_ids(directory)
    config = _read(directory / CONFIG)
    if size in TEXT:
        config = resized(config, size)
    text = {**shifted(config["text_config"], distance), "vocab_size": VOCABULARY}
    config = {**shifted(config, distance), "dtype": dtype, "text_config": text}
    _write(directory / CONFIG, config)
    _write(directory / GENERATION, shifted(_read(directory / GENERATION), distance))
    shapes = shapes_of(config)
    write_weights(directory, shapes, getattr(torch, dtype), seed)
    return parameter_count(shapes)


def init_small(directory: Path, preset: str, seed: int) -> None:
    """Writes a small model for its processor, and removes its weights."""
    words = ("models", "init", "qwen3-vl", "--preset", preset, "--seed", str(seed), "-q", "-o")
    made = subprocess.DEVNULL
    subprocess.run([sys.executable, "-m", "vtb", *words, str(directory)], check=True, stdout=made)
    (directory / WEIGHTS).unlink()
    (directory / MARKER).unlink()


def publish_token_ids(directory: Path) -> int:
    """Moves the special tokens to their published ids; returns how far.

    The ids between are of tokens that no text is split into.
    """
    path = directory / TOKENIZER[0]
    tokenizer = _read(path)
    vocabulary = tokenizer["model"]["vocab"]
    moved = TEXT_TOKENS - len(vocabulary)
    for number in range(len(vocabulary), TEXT_TOKENS):
        vocabulary[f"<unused{number}>"] = number
    for token in tokenizer["added_tokens"]:
        token["id"] += moved
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    return moved


def resized(config: Mapping[str, Any], size: str) -> dict[str, Any]:
    """The configuration with the published sizes, tokens as they are."""
    text, vision = config["text_config"], config["vision_config"]
    return {
        **config,
        "initializer_range": STD,
        "text_config": {
            **text,
            **TEXT[size],
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 262_144,
            "rope_parameters": dict(ROPE),
            "initializer_range": STD,
        },
        "vision_config": {
            **vision,
            **VISION,
            "out_hidden_size": TEXT[size]["hidden_size"],
            "initializer_range": STD,
        },
    }


def shifted(config: Mapping[str, Any], distance: int) -> dict[str, Any]:
    """The table with all ids of tokens moved; tables in it stay as they are."""

    def moved(name: str, value: Any) -> Any:
        if not name.endswith("_token_id") and name != "suppress_tokens":
            return value
        return [one + distance for one in value] if isinstance(value, list) else value + distance

    return {name: moved(name, value) for name, value in config.items()}


def write_weights(directory: Path, shapes: Shapes, dtype: torch.dtype, seed: int) -> None:
    """Writes random tensors, shard by shard, and the index of the shards."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(seed)
    places: dict[str, str] = {}
    for number, names in enumerate(shards(shapes, dtype.itemsize), 1):
        file = f"model-{number:05d}.safetensors"
        weights = {name: random_weight(name, shapes[name], generator, dtype) for name in names}
        save_file(weights, directory / file, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file)
    size = parameter_count(shapes) * dtype.itemsize
    _write(directory / INDEX, {"metadata": {"total_size": size}, "weight_map": places})


def shards(shapes: Shapes, itemsize: int) -> Iterator[list[str]]:
    """The tensors' names in groups of about a GiB."""
    group: list[str] = []
    held = 0
    for name, shape in shapes.items():
        group.append(name)
        held += math.prod(shape) * itemsize
        if held >= SHARD_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def random_weight(
    name: str, shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype
) -> torch.Tensor:
    """Normal, as transformers draws it; norms stay near one and no bias is zero."""
    noise = STD * torch.randn(shape, generator=generator, device=generator.device)
    is_norm = len(shape) == 1 and name.endswith("weight")
    return (noise + is_norm).to(dtype).cpu()


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
