import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtb.core.answers import extract, parse_int_list, wrap

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "content", "tagged"),
    [
        ("<answer>A</answer>", "A", True),
        ("<answer>A</answer> or <answer>B</answer>", "B", True),
        ("<ANSWER>A</Answer>", "A", True),
        ("<answer>A</answer> so <answer>B", "A", True),
        ("<answer>A</answer> B </answer>", "A", True),
        ("<answer>A <answer>B</answer>", "B", True),
        ("</answer> A <answer>", "</answer> A <answer>", False),
        ("A</answer>", "A</answer>", False),
        ("A", "A", False),
        ("", "", False),
    ],
)
def test_content_of_the_last_closed_tag(text, content, tagged):
    assert extract(text) == (content, tagged)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<answer>[1, 2, 3]</answer>", [1, 2, 3]),
        ("first [9, 8], then <answer>[1,2]</answer>", [1, 2]),
        ("The path is [10, 11, 12].", [10, 11, 12]),
        ("[1, 2] as I said: [1,2]", [1, 2]),
        ("see [fig. 1]: [4, 5]", [4, 5]),
        ("[[4, 5]]", [4, 5]),
        ("[ 7 ]", [7]),
        ("[-1, +2]", [-1, 2]),
        ("［１，２、 ３］", [1, 2, 3]),
        ("[१, ٢]", [1, 2]),
        ("<answer>\n[1,\n 2]\n</answer>", [1, 2]),
    ],
)
def test_lists_that_are_read(text, value):
    parsed = parse_int_list(text)
    assert (parsed.status, parsed.value) == ("ok", value)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("[1, 2] or [1, 3]", "ambiguous_answer"),
        ("<answer>[1] [2]</answer>", "ambiguous_answer"),
        ("<answer>[[1, 2], [3]]</answer>", "ambiguous_answer"),
        ("[1, 2] <answer>none</answer>", "no_answer"),
        ("[]", "no_answer"),
        ("[1, 2.5]", "no_answer"),
        ("[1, x]", "no_answer"),
        ("[1, , 2]", "no_answer"),
        ("[1, 2", "no_answer"),
        ("1, 2", "no_answer"),
        ("(1, 2)", "no_answer"),
        ("[1_000]", "no_answer"),
        ("[1234567890]", "no_answer"),
        ("", "no_answer"),
    ],
)
def test_lists_that_are_not(text, status):
    parsed = parse_int_list(text)
    assert (parsed.status, parsed.value) == (status, None)


def test_whether_an_answer_was_tagged():
    assert parse_int_list(wrap("[1]")).tagged
    assert not parse_int_list("[1]").tagged
    assert parse_int_list(wrap("nothing")).tagged


@given(st.lists(st.integers(-999_999_999, 999_999_999), min_size=1))
def test_what_is_written_is_read(ids):
    prose = "Perhaps [1, 2] or [3]? <answer>"
    assert parse_int_list(prose + json.dumps(ids) + "</answer> Yes, not [4].").value == ids


PIECES = st.sampled_from(
    [
        "<answer>",
        "</answer>",
        "<",
        "[",
        "]",
        ",",
        "1",
        " ",
        "٣",
        "［",
        "\0",
        "\u202e",
        "é",
        "\ufdfa",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_gives_a_status(text):
    parsed = parse_int_list(text)
    assert (parsed.status == "ok") == (parsed.value is not None)


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "]",
        "[]",
        "1,",
        "[1",
        " ",
        "<answer>",
        "</answer>",
        "<answer></answer>",
        "[1]",
        "\u0327\u0300",
    ],
)
def test_a_megabyte_of_anything(piece):
    text = piece * (MEGABYTE // len(piece))
    for candidate in (text, f"[{text}]", f"[1{text}x]", wrap(text)):
        assert parse_int_list(candidate).status in ("ok", "no_answer", "ambiguous_answer")
