"""The tiny Qwen3-VL tokenizer: its tokens, and that it loses no text."""

import hashlib
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

# Ids of published checkpoints count on from 151,643 in this order.
ADDED_TOKENS = """
<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|>
<|box_end|> <|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|>
<|image_pad|> <|video_pad|> <tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|>
<|fim_pad|> <|repo_name|> <|file_sep|> <tool_response> </tool_response> <think> </think>
"""
ADDED = ADDED_TOKENS.split()
SPECIAL = ADDED[:14]


@pytest.fixture(scope="module")
def tokenizer(tiny_qwen3_vl):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_qwen3_vl)


@pytest.fixture(scope="module")
def plain_tokenizer(tiny_qwen3_vl):
    """What programs other than transformers make of `tokenizer.json`."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(tiny_qwen3_vl / "tokenizer.json"))


def test_added_tokens_follow_the_text_tokens_in_the_published_order(tokenizer):
    assert type(tokenizer).__name__ == "Qwen2Tokenizer" and len(tokenizer) == 389
    assert tokenizer.convert_ids_to_tokens(range(363, 389)) == ADDED
    assert set(tokenizer.all_special_tokens) == set(SPECIAL)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert tokenizer.bos_token is None and tokenizer.unk_token is None


@pytest.mark.parametrize("token", ADDED)
def test_each_added_token_is_one_token_within_text(tokenizer, token):
    ids = tokenizer.encode(f"a{token}b")
    assert tokenizer.convert_ids_to_tokens(ids) == ["a", token, "b"]
    shown = tokenizer.decode(ids, skip_special_tokens=True)
    assert shown == ("ab" if token in SPECIAL else f"a{token}b")


def test_the_vocabulary_is_the_same_everywhere(tokenizer):
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    digest = hashlib.sha256(json.dumps(tokens).encode()).hexdigest()
    assert digest.startswith("5a58322bc6b02fb9")


def test_answers_are_few_tokens_and_digits_single(tokenizer):
    def pieces(text):
        return [tokenizer.decode([i]) for i in tokenizer.encode(text)]

    assert pieces("<answer>B</answer>") == ["<answer", ">", "B", "</", "answer", ">"]
    assert pieces("[10, 7]") == ["[", "1", "0", ",", " ", "7", "]"]
    assert pieces("the square is red") == ["t", "he", " square", " is", " red"]


@settings(max_examples=200, deadline=None)
@given(text=st.text() | st.text(alphabet="<>|/aé\u0301 \t\n\r\u2028é한👩\u200d\0"))
def test_any_text_comes_back_in_normal_form(tokenizer, plain_tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)
    assert plain_tokenizer.encode(text).ids == ids
    assert plain_tokenizer.decode(ids, skip_special_tokens=False) == tokenizer.decode(ids)
