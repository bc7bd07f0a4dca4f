"""The answer grammar: `<answer>…</answer>`, and one parser per kind of answer.

Parsers take arbitrary text, never raise and run in linear time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

ParseStatus = Literal["ok", "no_answer", "ambiguous_answer"]

_OPEN = re.compile(r"<answer>", re.IGNORECASE | re.ASCII)
_CLOSE = re.compile(r"</answer>", re.IGNORECASE | re.ASCII)
# `\d` and `int` know the digits of every script; possessive, so that no text makes it backtrack.
_INT_LIST = re.compile(r"\[(\s*+[+-]?\d{1,9}+\s*+(?:,\s*+[+-]?\d{1,9}+\s*+)*+)\]")
# Normalising a whole text (NFKC) takes quadratic time on long runs of combining marks.
_FULL_WIDTH = dict(zip("［］，、＋－−", "[],,+--", strict=True))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed answer; `value` is None unless `status` is `ok`. `tagged`: it stood in tags."""

    status: ParseStatus
    value: Any = None
    tagged: bool = False


def wrap(answer: str) -> str:
    """The one form in which answers are taught and expected."""
    return f"<answer>{answer}</answer>"


def extract(text: str) -> tuple[str, bool]:
    """The content of the last closed `<answer>` tag and True, or the whole text and False."""
    closes = [match.start() for match in _CLOSE.finditer(text)]
    opens = [match.end() for match in _OPEN.finditer(text, 0, closes[-1])] if closes else []
    if not opens:
        return text, False
    start = opens[-1]
    return text[start : next(close for close in closes if close >= start)], True


def parse_int_list(text: str) -> Parsed:
    """Reads the one bracketed list of integers, such as `[10, 11, 12]`, in an answer.

    Two different lists are ambiguous; brackets with anything but integers between are no list.
    Digits, brackets and commas may be full-width. The value is a list of int.
    """
    span, tagged = extract(text)
    for character, plain in _FULL_WIDTH.items():
        span = span.replace(character, plain)
    lists = {tuple(map(int, body.split(","))) for body in set(_INT_LIST.findall(span))}
    if len(lists) != 1:
        return Parsed("ambiguous_answer" if lists else "no_answer", tagged=tagged)
    return Parsed("ok", list(lists.pop()), tagged)
