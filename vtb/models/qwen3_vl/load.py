"""Loads a Qwen3-VL checkpoint, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
)

from vtb.core.errors import UnreadableError
from vtb.models.qwen3_vl.architecture import shapes_of
from vtb.models.qwen3_vl.batched import batch_pictures
from vtb.models.qwen3_vl.checkpoint import read_config, weight_files
from vtb.models.qwen3_vl.lora_check import require_adapter
from vtb.models.qwen3_vl.pictures import PictureLimits
from vtb.models.structure import differing, read_shapes
from vtb.run.quiet import quiet


def load_model(
    directory: Path, dtype: torch.dtype = torch.float32
) -> Qwen3VLForConditionalGeneration:
    """The model on the CPU, in evaluation mode.

    Raises UnreadableError when the directory holds another model, or not exactly the tensors that
    its `config.json` asks for: transformers would draw the missing ones and drop the others.
    """
    expected = shapes_of(read_config(directory))
    found = read_shapes(directory / file for file in weight_files(directory))
    wrong = differing(expected, found)
    if wrong:
        raise UnreadableError(
            f"`{directory}` does not hold exactly the tensors of its model",
            fact=f"{len(wrong)} missing, unexpected or reshaped, the first `{wrong[0]}`",
            hint=f"vtb models check {directory}",
        )
    with quiet():
        model: Any = AutoModelForImageTextToText.from_pretrained(
            directory, dtype=dtype, local_files_only=True
        )
    batch_pictures(model)
    return model


@torch.no_grad()
def add_adapter(model: Qwen3VLForConditionalGeneration, directory: Path, file: Path) -> None:
    """Adds an adapter to the weights of a loaded model, in place; summed in float32.

    Raises UnreadableError as `require_adapter` does.
    """
    for name, pair in require_adapter(directory, file).pairs.items():
        weight: Any = model.get_submodule(name).weight
        weight.copy_(weight.float() + pair.product().to(weight.device))


def load_processor(directory: Path, limits: PictureLimits | None = None) -> Qwen3VLProcessor:
    """The tokenizer, the image and video processors and the chat template of a checkpoint.

    With `limits` of pictures in the place of its own.
    """
    processor: Any = AutoProcessor.from_pretrained(directory, local_files_only=True)
    if limits is not None:
        area = limits.area
        processor.image_processor.size = {
            "shortest_edge": area(limits.min_tokens),
            "longest_edge": area(limits.max_tokens),
        }
    return processor


def picture_limits(processor: Qwen3VLProcessor) -> PictureLimits:
    """The limits of pictures in a processor."""
    size: Any = processor.image_processor.size
    token = PictureLimits.area(1)
    return PictureLimits(size["shortest_edge"] // token, size["longest_edge"] // token)
