"""The answer grammar: `<answer>…</answer>`, and one parser per kind of answer.

Parsers take arbitrary text, never raise and run in linear time.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

ParseStatus = Literal["ok", "no_answer", "ambiguous_answer"]

_OPEN = re.compile(r"<answer>", re.IGNORECASE)
_CLOSE = re.compile(r"</answer>", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INTEGER = re.compile(r"\s*[+-]?\d{1,9}\s*", re.ASCII)


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
    closes = list(_CLOSE.finditer(text))
    if not closes:
        return text, False
    last = closes[-1]
    start = None
    for match in _OPEN.finditer(text, 0, last.start()):
        start = match.end()
    return (text, False) if start is None else (text[start : last.start()], True)


def parse_int_list(text: str) -> Parsed:
    """Reads exactly one bracketed list of integers, such as `[10, 11, 12]`.

    Two different lists are ambiguous; anything but integers inside is no answer. Full-width and
    other decimal digits are normalised (NFKC).
    """
    span, tagged = extract(text)
    lists = {
        _integers(unicodedata.normalize("NFKC", body))
        for body in _BRACKETS.findall(unicodedata.normalize("NFKC", span))
    }
    if len(lists) > 1:
        return Parsed("ambiguous_answer", tagged=tagged)
    value = lists.pop() if lists else None
    if not value:
        return Parsed("no_answer", tagged=tagged)
    return Parsed("ok", list(value), tagged)


def _integers(body: str) -> tuple[int, ...] | None:
    parts = body.split(",")
    if not all(_INTEGER.fullmatch(part) for part in parts):
        return None
    return tuple(int(part) for part in parts)
