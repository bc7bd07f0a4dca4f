import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtb.core.answers import (
    Block,
    Parsed,
    extract,
    find_block,
    parse_choice,
    parse_grid,
    parse_int_list,
    parse_letter,
    unchecked_block,
    wrap,
)

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "content", "tagged"),
    [
        ("<answer>A</answer>", "A", True),
        ("<answer>A</answer> or <answer>B</answer>", "B", False),
        ("<ANSWER>A</Answer>", "A", True),
        ("<answer>A</answer> so <answer>B", "A", False),
        ("<answer>A</answer> B </answer>", "A", False),
        ("<answer>A <answer>B</answer>", "B", False),
        ("</answer> A <answer>", "</answer> A <answer>", False),
        ("A</answer>", "A</answer>", False),
        ("A", "A", False),
        ("", "", False),
    ],
)
def test_content_of_the_last_closed_tag_and_whether_it_is_the_one(text, content, tagged):
    assert extract(text) == (content, tagged)


@pytest.mark.parametrize(
    ("text", "status", "content", "is_last"),
    [
        ("<answer>A</answer>", "ok", "A", True),
        ("so: <answer>A</answer> \n\t", "ok", "A", True),
        ("<answer>A</answer>.", "ok", "A", False),
        ("A", "no_answer", "A", False),
        ("A</answer>", "no_answer", "A</answer>", False),
        ("<answer>A", "unclosed", "<answer>A", False),
        ("</answer><answer>A", "unclosed", "</answer><answer>A", False),
        ("<answer>A</answer> <answer>", "unclosed", "A", False),
        ("<answer>A</answer> <answer>A</answer>", "multiple", "A", True),
        ("<answer><answer>A</answer>", "multiple", "A", True),
        ("<answer><answer>A</answer></answer>", "multiple", "A", False),
        ("<think><answer>A</answer></think>B", "no_answer", "B", False),
        ("<think>hm <answer>A</answer>", "no_answer", "", False),
        ("<answer>A</answer></think><answer>B</answer>", "ok", "B", True),
        ("<THINK>hm</Think><answer>B</answer>", "ok", "B", True),
        ("<think>1</think><think>2</think><answer>B</answer>", "ok", "B", True),
        ("<answer>A</answer><think>B", "ok", "A", False),
        ("<answer><think>A</think>B</answer>", "no_answer", "B</answer>", False),
        ("<answer>A<think></answer>", "unclosed", "<answer>A", False),
    ],
)
def test_the_block_of_a_text(text, status, content, is_last):
    assert find_block(text) == Block(status, content, is_last)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("<answer>A</answer><answer>B</answer></answer>", "B"),
        ("<answer>A</answer><answer>B", "<answer>A</answer><answer>B"),
        ("</answer>A<answer>B", "</answer>A<answer>B"),
        ("<ANSWER>A</ANSWER>", "<ANSWER>A</ANSWER>"),
        ("<think><answer>A</answer></think>", "A"),
        ("A", "A"),
    ],
)
def test_the_block_that_the_benchmark_reads(text, content):
    assert unchecked_block(text) == content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<answer>[1, 2, 3]</answer>", [1, 2, 3]),
        ("first [9, 8], then <answer>[1,2]</answer>", [1, 2]),
        ("The path is [10, 11, 12].", [10, 11, 12]),
        ("[1, 2] as I said: [1,2]", [1, 2]),
        ("[]", []),
        ("<answer>[ ]</answer>", []),
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
        ("<answer>The path is [1, 2].</answer>", "no_answer"),
        ("<answer>[1, 2] [1, 2]</answer>", "no_answer"),
        ("<answer>[[1, 2]]</answer>", "no_answer"),
        ("<answer>[１, 2]</answer>", "no_answer"),
        ("<answer>[1， 2]</answer>", "no_answer"),
        ("<answer>[+1, 02]</answer>", "no_answer"),
        ("<answer>[1, 2.0]</answer>", "no_answer"),
        ("<answer>[true, 2]</answer>", "no_answer"),
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


@pytest.mark.parametrize(
    "span",
    [
        "C", "c", " C. ", "**C**", "(C)", "`C`", "“C”", "C!", "Ｃ", "option C", "Option: C",
        "The answer is C.", "the correct option is (C)", "Answer: **C**", "point C", "marker C",
        "C is the answer", "选项C", "答案是C。", "答案：C", "选 C", "charlie", "Charlie.", "$C$",
        "C, C", "C\nC", "I looked twice. The answer is C", "so I choose option C now",
        "经过比较，答案是C，因为它最近", "\\boxed{C}", "$\\boxed{\\text{C}}$", "It's C", "It is C.",
        "C点", "标记C", "the point labelled C", "Not D. Option C is right",
    ],
)  # fmt: skip
def test_letter_is_read_from_its_wrapping(span):
    assert parse_letter(wrap(span)) == Parsed("ok", "C", True)


@pytest.mark.parametrize(
    "span",
    [
        "", "a line goes through C", "A line goes through C", "I", "I choose", "Z", "F", "7", "CC",
        "circle", "not C", "the answer is not C", "C?D?", "I think so", "because", "A triangle",
        "alphabet", "答案", "Ｆ", "option", "the best is near C somewhere", "not option C",
        "Option C is wrong", "the wrong answer is C", "It is not the answer C", "I never choose C",
        "everything except option C", "不是选项C", "the answer lies on C-D, option C-D",
    ],
)  # fmt: skip
def test_letter_is_never_read_from_prose(span):
    assert parse_letter(wrap(span)).status in ("no_answer", "ambiguous_answer")
    assert parse_letter(wrap(span)).value is None
    if span not in ("C?D?",):
        assert parse_letter(wrap(span)).status == "no_answer"


@pytest.mark.parametrize(
    "span",
    [
        "B or C", "B, C", "B/C", "A B C D E", "B 或 C", "answer is B, no: the answer is C",
        "I think the answer is B or C", "Hmm, the answer is A, B, C, D or E", "so option B/C fits",
        "经过比较，答案是B或C",
    ],
)  # fmt: skip
def test_two_letters_are_ambiguous(span):
    assert parse_letter(wrap(span)).status == "ambiguous_answer"


def test_letter_of_the_last_tag_counts_and_untagged_is_marked():
    assert parse_letter("<answer>A</answer> <ANSWER>B</ANSWER>") == Parsed("ok", "B", False)
    assert parse_letter("<answer>B</answer> <answer>C") == Parsed("ok", "B", False)
    assert parse_letter("C") == Parsed("ok", "C", False)
    assert parse_letter(wrap("F"), "ABCDEFG").value == "F"


@pytest.mark.parametrize(
    ("span", "value"),
    [
        ("blue", "blue"), ("Light  Blue.", "light blue"), ("the answer is **blue**", "blue"),
        ("Answer: light blue", "light blue"), ("option blue", "blue"), ("blue, blue", "blue"),
        ("It must be round, so the answer is blue, I think", "blue"), ("答案是 blue", "blue"),
        ("\\boxed{\\text{blue}}", "blue"), ("It is light blue.", "light blue"),
        ("经过比较，答案是blue，因为", "blue"),
    ],
)  # fmt: skip
def test_choice_is_read_from_its_wrapping(span, value):
    assert parse_choice(wrap(span), ["blue", "light blue", "red"]) == Parsed("ok", value, True)


@pytest.mark.parametrize(
    ("span", "status"),
    [
        ("", "no_answer"), ("green", "no_answer"), ("blueish", "no_answer"),
        ("not blue", "no_answer"), ("a blue circle is next to it", "no_answer"),
        ("blue or red", "ambiguous_answer"), ("blue, light blue", "ambiguous_answer"),
        ("dark blue", "no_answer"), ("not option blue", "no_answer"),
        ("the answer is blue-green", "no_answer"), ("option blue is wrong", "no_answer"),
        ("I think the answer is blue or the red", "ambiguous_answer"),
    ],
)  # fmt: skip
def test_choice_is_not_guessed(span, status):
    assert parse_choice(wrap(span), ["blue", "light blue", "red"]).status == status


@pytest.mark.parametrize(
    ("span", "status", "value"),
    [
        ("[[1, 2], [3, 4]]", "ok", [[1, 2], [3, 4]]),
        ("the grid:\n[[1,2],\n [3,4]]\nis it", "no_answer", None),
        ("［［1，2］，［3，4］］", "no_answer", None),
        ("[[1, 2], [3, 4]] and again [[1,2],[3,4]]", "no_answer", None),
        ("[[1, 2], [3, 4]] or [[1, 2], [3, 5]]", "ambiguous_answer", None),
        ("[[1, 2], [3]]", "no_answer", None),
        ("[1, 2]", "no_answer", None),
        ("[[]]", "no_answer", None),
        ("[[1.5, 2]]", "no_answer", None),
        ("[[a]]", "no_answer", None),
    ],
)
def test_grid(span, status, value):
    assert parse_grid(wrap(span)) == Parsed(status, value, True)


@pytest.mark.parametrize(
    "text",
    [
        "the grid:\n[[1,2],\n [3,4]]\nis it",
        "［［1，2］，［3，4］］",
        "[[1, 2], [3, 4]] [[1,2],[3,4]]",
    ],
)
def test_a_grid_outside_of_the_block_may_stand_in_prose(text):
    assert parse_grid(text) == Parsed("ok", [[1, 2], [3, 4]], False)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_letter_choice_and_grid_parsers_take_any_text(text):
    for parsed in (
        parse_letter(text),
        parse_choice(text, ["blue", "red"]),
        parse_grid(text),
        parse_letter(wrap(text)),
        parse_choice(wrap(text), ["blue", "red"]),
    ):
        assert parsed.status in ("ok", "no_answer", "ambiguous_answer")
        assert (parsed.value is None) == (parsed.status != "ok")


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "answer " * 150_000, "[[" * 500_000, "[[1]," * 200_000, "C " * 500_000,
     "答案是" * 300_000, "option option " * 70_000, "answer " + "C, " * 300_000,
     "answer C, D or " * 60_000, "\n\n*" * 300_000],
)  # fmt: skip
def test_long_texts_are_parsed_in_linear_time(text):
    for tagged in (text, wrap(text)):
        parse_letter(tagged)
        parse_choice(tagged, ["blue", "light blue"])
        parse_grid(tagged)
