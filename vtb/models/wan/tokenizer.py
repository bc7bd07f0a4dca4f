"""A small tokenizer in the place of UMT5's, made on the spot from a few sentences."""

from __future__ import annotations

import math
import string
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from vtb.models.wan.variants import TEXT_TOKENS

SPECIAL_TOKENS = ("<pad>", "</s>", "<s>", "<unk>")  # UMT5 has the first two in this order too
CHARACTERS = string.ascii_letters + string.digits + string.punctuation
SENTENCES = (
    "Draw the red path from the start to the goal through the maze.",
    "The path stays in the white corridors and never touches a black wall.",
    "Mark the one point that lies in the middle of the two given points.",
    "Which of the options A, B, C, D or E completes the pattern?",
    "Fill the missing cell of the grid with the colour that follows the rule.",
    "A ball rolls down the slope, hits the box and comes to rest on the floor.",
    "The camera does not move, and nothing else in the picture changes.",
    "Show each step of the solution; the last frames hold the finished answer.",
)


def write_tokenizer(directory: Path) -> int:
    """Saves a Unigram tokenizer in the transformers layout; returns its number of tokens.

    Ids 0 and 1 are `<pad>` and `</s>`; every text ends with `</s>`, and at most 512 tokens are
    kept, as in UMT5. The files are the same each time.
    """
    pad, end, start, unknown = SPECIAL_TOKENS
    fast = PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(),
        pad_token=pad,
        eos_token=end,
        bos_token=start,
        unk_token=unknown,
        model_max_length=TEXT_TOKENS,
    )
    fast.save_pretrained(directory)
    return len(fast)


def _tokenizer() -> Tokenizer:
    unknown_id = SPECIAL_TOKENS.index("<unk>")
    tokenizer = Tokenizer(models.Unigram(_vocabulary(), unknown_id, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    end = SPECIAL_TOKENS.index("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", end)]
    )
    return tokenizer


def _vocabulary() -> list[tuple[str, float]]:
    # Not from tokenizers' trainer: it walks a hash map, so each run gives another vocabulary.
    words = Counter(
        "▁" + word.strip(string.punctuation) for text in SENTENCES for word in text.split()
    )
    total = sum(words.values())
    pieces = [(word, math.log(count / total)) for word, count in sorted(words.items())]
    rare = math.log(0.1 / total)
    known = [*SPECIAL_TOKENS, *words]
    pieces += [(piece, rare) for piece in ("▁", *CHARACTERS) if piece not in known]
    return [(token, 0.0) for token in SPECIAL_TOKENS] + pieces
