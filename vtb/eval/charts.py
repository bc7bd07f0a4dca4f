"""Small charts as inline SVG, for shares and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

from vtb.core.types import Reason
from vtb.eval.scores import MISSING

WIDTH_PX = 640
LABEL_PX = 170
VALUE_PX = 70
PLOT_PX = WIDTH_PX - LABEL_PX - VALUE_PX
ROW_PX = 34
BAR_PX = 16
FOOT_PX = 26
WHISKER_PX = 4

Tone = Literal["pass", "fail", "none", "accent", "track"]


class Bar(NamedTuple):
    """An accuracy with its 95 % interval, both None when nothing was counted."""

    label: str
    accuracy: float | None
    ci95: Sequence[float] | None


class Guess(NamedTuple):
    """What needs no understanding, and the share it passes."""

    label: str
    share: float


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal, `–` where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def accuracy_bars(bars: Sequence[Bar], guess: Guess | None) -> str:
    """One bar per accuracy with its interval, and a line where the guess stands."""
    height = ROW_PX * len(bars) + FOOT_PX
    parts: list[str] = []
    for row, (label, accuracy, ci95) in enumerate(bars):
        parts.append(_bar(row, label, accuracy or 0.0, "accent", percent(accuracy)))
        if ci95 is not None:
            parts.append(_whiskers(row, *ci95))
    if guess is not None:
        parts.append(_guess_line(guess, height))
    return _svg(height, parts)


def reason_bars(reasons: Mapping[str, int]) -> str:
    """One bar per verdict reason, as its share of all."""
    total = sum(reasons.values()) or 1
    tones: dict[str, Tone] = {Reason.OK.value: "pass", MISSING: "none"}
    bars = [
        _bar(
            row,
            reason.replace("_", " "),
            count / total,
            tones.get(reason, "fail"),
            f"{count} · {100 * count / total:.0f} %",
        )
        for row, (reason, count) in enumerate(reasons.items())
    ]
    return _svg(ROW_PX * len(reasons), bars)


def _bar(row: int, label: str, share: float, tone: Tone, value: str) -> str:
    y = _middle(row) + 4
    return (
        _text(LABEL_PX - 12, y, label, "end")
        + _rect(row, 1.0, "track")
        + (_rect(row, share, tone) if share else "")
        + _text(WIDTH_PX, y, value, "end")
    )


def _whiskers(row: int, low: float, high: float) -> str:
    y = _middle(row)
    ends = (_line(_x(end), y - WHISKER_PX, _x(end), y + WHISKER_PX) for end in (low, high))
    return _line(_x(low), y, _x(high), y) + "".join(ends)


def _guess_line(guess: Guess, height: float) -> str:
    x, foot = _x(guess.share), height - FOOT_PX + 4
    anchor = "start" if guess.share < 0.7 else "end"
    label = f"{guess.label} {percent(guess.share)}"
    return _line(x, 2, x, foot, "chance") + _text(x, height - 8, label, anchor, "soft")


def _x(share: float) -> float:
    return LABEL_PX + PLOT_PX * share


def _middle(row: int) -> float:
    return ROW_PX * (row + 0.5)


def _rect(row: int, share: float, tone: Tone) -> str:
    y, width = _middle(row) - BAR_PX / 2, max(2.0, PLOT_PX * share)
    place = f'x="{LABEL_PX}" y="{y:.1f}" width="{width:.1f}" height="{BAR_PX}" rx="3"'
    return f'<rect class="{tone}" {place}/>'


def _line(x1: float, y1: float, x2: float, y2: float, tone: str = "") -> str:
    return f'<line class="{tone}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, tone: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{tone}" {place}>{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH_PX} {height:.0f}" role="img">{"".join(parts)}</svg>'
