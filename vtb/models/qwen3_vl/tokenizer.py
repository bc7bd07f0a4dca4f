"""A small tokenizer in the place of Qwen3-VL's, trained on the spot on a page of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer

END_OF_TEXT, END_OF_TURN = "<|endoftext|>", "<|im_end|>"
IMAGE, VIDEO = "<|image_pad|>", "<|video_pad|>"
VISION_START, VISION_END = "<|vision_start|>", "<|vision_end|>"
MEDIA_TOKENS = (VISION_START, VISION_END, "<|vision_pad|>", IMAGE, VIDEO)
# Both in the order of the published ids, which follow the text tokens.
SPECIAL_TOKENS = (
    END_OF_TEXT,
    "<|im_start|>",
    END_OF_TURN,
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    *MEDIA_TOKENS,
)
ADDED_TOKENS = (
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
ROLES: Mapping[str, Any] = {
    "eos_token": END_OF_TURN,
    "pad_token": END_OF_TEXT,
    "bos_token": None,
    "unk_token": None,
}


def build_tokenizer(corpus: str, text_tokens: int) -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer of a text beside this module, the same each time.

    It has `text_tokens` tokens, 256 of them bytes, and 26 special ones. Decoding gives back any
    text in Unicode's NFC form.
    """
    tokenizer = _train(Path(__file__).with_name(corpus).read_text("utf-8"), text_tokens)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ADDED_TOKENS])
    return Qwen2Tokenizer(
        tokenizer_object=tokenizer, **ROLES, extra_special_tokens=list(SPECIAL_TOKENS)
    )


def _train(text: str, tokens: int) -> Tokenizer:
    # The class brings its own splitting of text, and insists on it when a directory is loaded.
    qwen = Qwen2Tokenizer().backend_tokenizer
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = qwen.normalizer
    tokenizer.pre_tokenizer = qwen.pre_tokenizer
    tokenizer.decoder = qwen.decoder
    trainer = trainers.BpeTrainer(
        vocab_size=tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.splitlines(), trainer)
    return tokenizer
