"""A Qwen3-VL checkpoint directory: its files and its structure, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json
from vtb.models import checkpoint

FAMILY, MODEL_TYPE = "qwen3-vl", "qwen3_vl"
CONFIG, GENERATION = "config.json", "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
# transformers 5 writes the first of each; the published repositories hold the second.
PROCESSORS = (
    ("processor_config.json",),
    ("preprocessor_config.json", "video_preprocessor_config.json"),
)
# Sampled, they would stand for pictures that are not there.
MEDIA_TOKENS = (
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATES = (("chat_template.jinja",), ("chat_template.json",))


def fit(directory: Path) -> int:
    """How many files of a checkpoint are there; 0 when `config.json` is absent or another's.

    Raises UnreadableError when `config.json` is damaged.
    """
    config = directory / CONFIG
    if not config.is_file() or read_json(config).get("model_type") != MODEL_TYPE:
        return 0
    files = (CONFIG, GENERATION, *weight_files(directory), *processor_files(directory))
    return sum((directory / file).is_file() for file in files)


def read_config(directory: Path) -> dict[str, Any]:
    """The content of `config.json`; raises UnreadableError unless it is a Qwen3-VL's."""
    config = read_json(directory / CONFIG)
    if config.get("model_type") != MODEL_TYPE:
        raise UnreadableError(
            f"`{directory}` holds no Qwen3-VL model",
            fact=f"model_type in {CONFIG} is `{config.get('model_type')}`, not `{MODEL_TYPE}`",
        )
    return config


def weight_files(directory: Path) -> tuple[str, ...]:
    """The one file with weights, or the shards that an index names.

    Raises UnreadableError when the index is damaged.
    """
    return checkpoint.weight_files(directory, WEIGHTS)


def media_token_ids(directory: Path) -> list[int]:
    """The ids of the tokens that frame and stand for pictures and videos, which no answer has."""
    added = read_json(directory / TOKENIZER[0]).get("added_tokens", ())
    return sorted(token["id"] for token in added if token["content"] in MEDIA_TOKENS)


def has_processor(directory: Path) -> bool:
    """Whether tokenizer, processors and chat template are all there."""
    return all((directory / file).is_file() for file in processor_files(directory))


def processor_files(directory: Path) -> tuple[str, ...]:
    """The files of tokenizer, processors and chat template, in the layout that is there."""
    return (
        *TOKENIZER,
        *checkpoint.present_layout(directory, PROCESSORS),
        *checkpoint.present_layout(directory, TEMPLATES),
    )


def present_processor_files(directory: Path) -> list[str]:
    """The files of tokenizer, processors and chat template that are there, in any layout."""
    layouts = (TOKENIZER, *PROCESSORS, *TEMPLATES)
    names = (file for files in layouts for file in files)
    return [name for name in names if (directory / name).is_file()]
