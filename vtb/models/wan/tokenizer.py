"""A small tokenizer in the place of UMT5's, made on the spot from a list of words."""

from __future__ import annotations

import string
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from vtb.models.wan.variants import TEXT_TOKENS

SPECIAL_TOKENS = ("<pad>", "</s>", "<s>", "<unk>")  # UMT5 has the first two in this order too
# Score of a character beside the 0 of a word: words win.
RARE = -10.0
CHARACTERS = string.ascii_letters + string.digits + string.punctuation
# Those of our prompts, so that a prompt has about as many tokens as UMT5 makes of it.
WORDS = Path(__file__).with_name("words.txt")


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
    words = ["▁" + word for word in WORDS.read_text().split()]
    pieces = [(word, 0.0) for word in (*SPECIAL_TOKENS, *words)]
    return pieces + [(piece, RARE) for piece in ("▁", *CHARACTERS)]
