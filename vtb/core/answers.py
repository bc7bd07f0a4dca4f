"""The answer grammar: `<answer>…</answer>`, and one parser per kind of answer.

Parsers take arbitrary text, never raise and run in linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ParseStatus = Literal["ok", "no_answer", "ambiguous_answer"]
BlockStatus = Literal["ok", "no_answer", "unclosed", "multiple"]

_OPEN = re.compile(r"<answer>", re.IGNORECASE | re.ASCII)
_CLOSE = re.compile(r"</answer>", re.IGNORECASE | re.ASCII)
_THOUGHT = re.compile(r"<think>", re.IGNORECASE | re.ASCII)
_THOUGHT_END = re.compile(r"</think>", re.IGNORECASE | re.ASCII)
# `\d` and `int` know the digits of every script; possessive, so that no text makes it backtrack.
_INT_LIST = re.compile(r"\[(\s*+(?:[+-]?\d{1,9}+\s*+(?:,\s*+[+-]?\d{1,9}+\s*+)*+)?+)\]")
# Normalising a whole text (NFKC) takes quadratic time on long runs of combining marks.
_FULL_WIDTH = dict(zip("［］，、＋－−", "[],,+--", strict=True))
_FULL_WIDTH_LETTERS = {
    ord("Ａ") + offset + case: ord("A") + offset + case for case in (0, 32) for offset in range(26)
}
_GRID = re.compile(r"\[(?:\s*+\[[\d\s,]*+\]\s*+,?+)++\s*+\]")

# What may stand around an answer without being part of it: markdown, quotes, brackets, stops.
_TRIM = " \t\r\n*_`~#$\"'“”‘’«»「」『』()（）[]【】{}<>.,:;!?。，：；！？、|\\/–—=-"
_BEFORE = re.compile(
    r"(?:(?:the|my|final|correct|right|answer|option|choice|candidate|label|letter|point|marker"
    r"|labell?ed|marked|is|was|it(?:['’]s)?|boxed|text)\b|选项|答案|选择|标记|选|点|是|为)",
    re.IGNORECASE | re.ASCII,
)
_AFTER = re.compile(
    r"(?:\b(?:is|was|the|correct|right|answer|option|choice|one)|正确|答案|选项|点|是)$",
    re.IGNORECASE | re.ASCII,
)
# A sentence longer than this around an answer is prose.
_MAX_WRAPPED_CHARS = 200
_BETWEEN = re.compile(r"[\s,/;&、，|]+|\b(?:and|or)\b|和|或", re.IGNORECASE | re.ASCII)
# In prose only what is called the answer counts, never a letter that happens to stand there, nor
# one that is called wrong; of "C or D" both count.
_SAID = (
    r"(?i:(?<!not )(?<!not the )(?<!never )(?<!except )(?<!wrong )(?<!incorrect ))"
    r"(?<!不是)(?<!错误)"
    r"(?i:answer|option|choice|choose|chose|pick|select|答案|选项|选择|选)"
    r"(?i:\s{0,9}(?:is|was|:|：|=|是|为))?(?i:\s{0,9}(?:option|point|letter|选项))?"
    r"[\s*_`\"'“‘(（\[【]{0,9}(?i:the\s)?"
)
_OR = r"\s{0,9}[,、，]?\s{0,9}(?:/|&|(?i:or|and)\b|和|或)\s{0,9}(?i:the\s)?"
_DENIED = (
    r"(?i:\s{1,9}(?:is|was)(?:n['’]t|\s{1,9}(?:not|wrong|incorrect|false))\b|\s{0,9}(?:不对|错))"
)
_LETTER = r"[A-Z](?!-?[\w'’])"
_NATO_WORDS = """
alpha alfa bravo charlie delta echo foxtrot golf hotel india juliett juliet kilo lima mike november
oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"""
_NATO = {word: word[0].upper() for word in _NATO_WORDS.split()}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed answer; `value` is None unless `status` is `ok`.

    `tagged`: it stood in the one answer block of its text; no other answer counts in the end.
    """

    status: ParseStatus
    value: Any = None
    tagged: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The last closed answer block of a text; `content` is all that was said if there is none.

    `status` is `ok` when it is the only one, and `is_last` when only white space follows it.
    """

    status: BlockStatus
    content: str
    is_last: bool = False


def wrap(answer: str) -> str:
    """The one form in which answers are taught and expected."""
    return f"<answer>{answer}</answer>"


def find_block(text: str) -> Block:
    """The answer block of a text, tags in any case, thoughts left out.

    Thoughts end with the last `</think>`, whether or not they begin with `<think>`; what follows a
    `<think>` that is never closed is thought, too.
    """
    spoken = text[max((match.end() for match in _THOUGHT_END.finditer(text)), default=0) :]
    thought = _THOUGHT.search(spoken)
    said = spoken[: thought.start()] if thought else spoken
    opens = [match.end() for match in _OPEN.finditer(said)]
    closes = [match.start() for match in _CLOSE.finditer(said)]
    closed = [start for start in opens if closes and start <= closes[-1]]
    if not closed:
        return Block("unclosed" if opens else "no_answer", said)
    end = next(close for close in closes if close >= closed[-1])
    is_last = not spoken[end + len("</answer>") :].strip()
    return Block(_status(opens, closes), said[closed[-1] : end], is_last)


def extract(text: str) -> tuple[str, bool]:
    """The content of the last closed answer block, or all that is said; True if it is the one."""
    block = find_block(text)
    return block.content, block.status == "ok"


def unchecked_block(text: str) -> str:
    """What VideoThinkBench takes for the answer: from the last `<answer>` to the next `</answer>`.

    The whole text where there is no such block.
    """
    _, opening, rest = text.rpartition("<answer>")
    content, closing, _ = rest.partition("</answer>")
    return content if opening and closing else text


def parse_int_list(text: str) -> Parsed:
    """Reads the one bracketed list of integers, such as `[10, 11, 12]`, in an answer.

    Two different lists are ambiguous; brackets with anything but integers between are no list. In
    the answer block it is JSON with nothing around it; elsewhere it may stand in prose, and
    digits, brackets and commas may be full-width. The value is a list of int.
    """
    span, tagged = extract(text)
    lists = {_integers(body) for body in set(_INT_LIST.findall(_half_width(span)))}
    if len(lists) != 1:
        return Parsed("ambiguous_answer" if lists else "no_answer", tagged=tagged)
    return _as_json(span, list(lists.pop()), tagged)


def parse_letter(text: str, letters: Collection[str] = "ABCDE") -> Parsed:
    """Reads the one option letter in an answer, such as `C`; the value is a capital.

    A letter, or its word of the NATO alphabet, counts when it is all that is answered, in any
    case and with words like "option" around it; in prose only after "the answer is" and the like,
    so that "a line goes through C" is no answer. Two different letters are ambiguous.
    """
    span, tagged = extract(text)
    span = span.translate(_FULL_WIDTH_LETTERS)
    words = [part for part in _BETWEEN.split(_bare(span)) if part.strip(_TRIM)]
    said = [_letter(word) for word in words]
    if None in said or not said:
        said = _called_answer(_LETTER, span)
    return _only({letter for letter in said if letter}, letters, tagged)


def parse_choice(text: str, options: Sequence[str]) -> Parsed:
    """Reads the one of `options` (lower-case words) that is answered; the value is that option.

    It counts when it is all that is answered, with words like "the answer is" around it; in prose
    only after them. Two different options are ambiguous.
    """
    span, tagged = extract(text)
    plain = " ".join(span[: 4 * _MAX_WRAPPED_CHARS].strip(_TRIM).lower().split())
    if plain in options:
        return Parsed("ok", plain, tagged)
    longest_first = "|".join(map(re.escape, sorted(options, key=len, reverse=True)))
    one = rf"(?<!\w)(?i:{longest_first})(?!-?\w)"
    bare = " ".join(_bare(span).lower().split())
    said = set(re.findall(one, bare, re.ASCII))
    if not said or _BETWEEN.sub("", re.sub(one, "", bare, flags=re.ASCII)).strip(_TRIM):
        said = {found.lower() for found in _called_answer(one, span)}
    return _only(said, options, tagged)


def parse_grid(text: str) -> Parsed:
    """Reads the one JSON list of equally long lists of integers; the value is list[list[int]].

    As with `parse_int_list`, nothing may stand around it in the answer block.
    """
    span, tagged = extract(text)
    grids = {grid for found in set(_GRID.findall(_half_width(span))) if (grid := _rows(found))}
    if len(grids) != 1:
        return Parsed("ambiguous_answer" if grids else "no_answer", tagged=tagged)
    return _as_json(span, [list(row) for row in grids.pop()], tagged)


def _bare(span: str) -> str:
    """The span without what may stand around an answer; "" when it is too long for one."""
    rest = span.strip(_TRIM)
    if len(rest) > _MAX_WRAPPED_CHARS:
        return ""
    while match := _BEFORE.match(rest) or _AFTER.search(rest):
        rest = (rest[: match.start()] + rest[match.end() :]).strip(_TRIM)
    return rest


def _called_answer(one: str, span: str) -> list[str]:
    """What a text calls its answer; the pattern `one` matches a single one."""
    several = rf"{one}(?:(?:\s{{0,9}}[,、，]\s{{0,9}}{one}){{0,25}}{_OR}{one}){{0,25}}"
    called = re.finditer(rf"{_SAID}({several})(?!{_DENIED})", span, re.ASCII)
    return [found for match in called for found in re.findall(one, match.group(1), re.ASCII)]


def _letter(word: str) -> str | None:
    word = word.strip(_TRIM)
    if len(word) == 1 and word.isascii() and word.isalpha():
        return word.upper()
    return _NATO.get(word.lower().replace("-", ""))


def _only(said: Collection[str], known: Collection[str], tagged: bool) -> Parsed:
    if len(said) > 1:
        return Parsed("ambiguous_answer", tagged=tagged)
    for value in said:
        if value in known:
            return Parsed("ok", value, tagged)
    return Parsed("no_answer", tagged=tagged)


def _status(opens: Sequence[int], closes: Sequence[int]) -> BlockStatus:
    if opens[-1] > closes[-1]:
        return "unclosed"
    return "ok" if len(opens) == len(closes) == 1 else "multiple"


def _half_width(span: str) -> str:
    for character, plain in _FULL_WIDTH.items():
        span = span.replace(character, plain)
    return span


def _integers(body: str) -> tuple[int, ...]:
    return tuple(map(int, body.split(","))) if body.strip() else ()


def _as_json(span: str, value: list[Any], tagged: bool) -> Parsed:
    """The value as an answer: in the block only where the span is its JSON and nothing else."""
    if tagged and _json(span) != value:
        return Parsed("no_answer", tagged=True)
    return Parsed("ok", value, tagged)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _rows(text: str) -> tuple[tuple[int, ...], ...] | None:
    """The rows of a grid, None when it is none: not JSON, empty or not rectangular."""
    try:
        rows = tuple(tuple(map(int, row)) for row in json.loads(text))
    except (ValueError, RecursionError):
        return None
    return rows if rows and rows[0] and len({len(row) for row in rows}) == 1 else None
