"""The tokenizer and the processor of a small Qwen-Image, in the place of Qwen2.5-VL's."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from vtb.models.qwen3_vl.processor import TEMPLATE, save_processor
from vtb.models.qwen3_vl.tokenizer import build_tokenizer

CORPUS, TEXT_TOKENS = "corpus.txt", 363
# A token of the text encoder is 28 px wide.
IMAGE_AREA = {"shortest_edge": 56**2, "longest_edge": 64 * 28**2}


def write_tokenizer(directory: Path) -> Qwen2Tokenizer:
    """Saves a byte-level BPE tokenizer with Qwen's special tokens and returns it."""
    tokenizer = build_tokenizer(CORPUS, TEXT_TOKENS)
    tokenizer.save_pretrained(directory)
    return tokenizer


def write_processor(directory: Path) -> None:
    """Saves the processor that an edit model has besides, with a tokenizer of its own."""
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=IMAGE_AREA),
        tokenizer=build_tokenizer(CORPUS, TEXT_TOKENS),
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE.read_text("utf-8"),
    )
    save_processor(processor, directory)
