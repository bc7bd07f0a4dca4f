"""Reads an order of colours, such as `red, blue, green, yellow`, in an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vtb.core.answers import Parsed, extract

# A longer text than this around four colours is prose.
MAX_CHARS = 200
# What may stand between and around the colours: list numbers, arrows and stops, but no word that
# could turn the order round, such as "under" or "<".
_FRAME = re.compile(
    r"(?:from )?top to bottom|top|the|answer|order|is|then|and|rectangles?"
    r"|从上到下|顺序|最上面|然后|再是|矩形|答案|是|色|[-–—=]?>|[→\s,.;:、，。；：()\[\]*_`\"'“”|/1-4-]",
    re.ASCII,
)
_CHINESE = {"红": "red", "蓝": "blue", "绿": "green", "黄": "yellow"}


def parse_order(text: str, colours: Sequence[str]) -> Parsed:
    """Reads the one order of all `colours`; the value has them as `a, b, c, d`, first one first.

    They may be separated by commas, arrows or lines, and numbered upwards; more colours than asked
    for are ambiguous.
    """
    span, tagged = extract(text)
    plain = span.strip().lower()
    if len(plain) > MAX_CHARS:
        return Parsed("no_answer", tagged=tagged)
    for chinese, english in _CHINESE.items():
        plain = plain.replace(chinese, english)
    word = rf"(?<![a-z])(?:{'|'.join(map(re.escape, colours))})(?![a-z])"
    found: list[str] = re.findall(word, plain)
    if len(found) > len(colours):
        return Parsed("ambiguous_answer", tagged=tagged)
    rest = re.sub(word, " ", plain)
    numbers = re.findall(r"\d", rest, re.ASCII)
    is_numbered_upwards = numbers in ([], [str(place + 1) for place in range(len(colours))])
    if sorted(found) != sorted(colours) or _FRAME.sub("", rest) or not is_numbered_upwards:
        return Parsed("no_answer", tagged=tagged)
    return Parsed("ok", ", ".join(found), tagged)
