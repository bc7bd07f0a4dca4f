"""VideoThinkBench's published reward, faults included."""

import pytest

from vtb.core.answers import wrap
from vtb.core.compat_reward import vtb_compat

PATH = "[1, 2, 3, 4, 5]"


@pytest.mark.parametrize(
    ("answer", "correct"),
    [
        (PATH, 1),
        ("the path [1,2,3,4,5] it is", 1),
        ("[1, x, 2, 3.5, 3, 4, 5]", 1),  # what is no integer is dropped
        ("[1, 5]", 2 / 5),  # the published fault: both ends, nothing between
        ("[1, 2, 9, 4, 5]", 4 / 5),
        ("[1, 2, 3]", 3 / 5),
        ("[4, 5]", 2 / 5),
        ("[1, 1, 1, 1, 1, 5, 5, 5, 5, 5]", 2 / 10),
        ("[1, 2, 3, 4, 5, 6]", 5 / 6),
        ("[1, 2, 3, 1, 2, 3, 4, 5]", 5 / 8),  # not more than the list is long
        ("[9] [1, 2, 3, 4, 5]", 0),
        ("[]", 0),
        ("1, 2, 3, 4, 5", -1),
        ("[1, 2, 3, 4, 5", -1),
        ("]1[", -1),
        ("", -1),
    ],
)
def test_a_path_earns_what_its_ends_share(answer, correct):
    assert vtb_compat(wrap(answer), PATH) == pytest.approx(correct + 0.1)


@pytest.mark.parametrize(
    ("answer", "correct"),
    [("B", 1), ("b.", 1), ("(B)", 1), ("Answer: B", 1), ("**B**", 1), ("A", 0), ("Z", 0),
     ("Option B", -1), ("BB", -1), ("7", -1), ("", -1)],
)  # fmt: skip
def test_a_letter_is_right_another_or_none(answer, correct):
    assert vtb_compat(wrap(answer), "B") == pytest.approx(correct + 0.1)


@pytest.mark.parametrize(
    ("answer", "correct"), [("light blue", 1), ("Light blue.", 1), ("blue", 0), ("", -1), ("*", -1)]
)
def test_a_word_is_right_wrong_or_empty(answer, correct):
    assert vtb_compat(wrap(answer), "light blue") == pytest.approx(correct + 0.1)


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        ("", -1),
        (" \n", -1),
        ("B", 1.1),
        ("I think so", -0.9),
        ("<answer>A</answer><answer>B</answer>", 1.1),
        ("<answer>B</answer><answer>", -0.9),
        ("<think><answer>B</answer></think>", 1.1),
        ("<ANSWER>B</ANSWER>", -0.9),
    ],
)
def test_where_the_answer_is_looked_for(text, reward):
    assert vtb_compat(text, "B") == pytest.approx(reward)


@pytest.mark.parametrize("piece", ["[", "]", "[1,", "1,", "<answer>", "\0", "9", " "])
def test_a_megabyte_of_anything_gets_a_reward(piece):
    text = piece * (1_000_000 // len(piece))
    for candidate in (text, wrap(text), wrap(f"[{text}]")):
        for solution in (PATH, "B", "blue"):
            assert -1 <= vtb_compat(candidate, solution) <= 1.1
