"""Counting circles that overlap one another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from vtb.core.answers import Parsed, parse_choice
from vtb.core.errors import VtbError
from vtb.core.generator import AnswerKind
from vtb.core.rng import Rng
from vtb.core.types import Content, Instance, Json, Language, Option

from .worksheet import Worksheet
from .worksheet_config import WorksheetConfig
from .worksheet_style import WorksheetStyle

if TYPE_CHECKING:
    from .circle_page import CirclePage

# Px of a sheet of 512 x 512: where circles may reach, and their radii.
AREA_LEFT, AREA_TOP, AREA_RIGHT, AREA_BOTTOM = 16, 16, 496, 400
MIN_RADIUS, MAX_RADIUS = 30, 110
# Two circles differ by at least this in centre or radius, in widths of their line.
APART_LINES = 3
ATTEMPTS = 1000

_WORDS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMERALS = ("三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
_NUMBERS = {
    word: str(value) for words in (_WORDS, _NUMERALS) for value, word in enumerate(words, 3)
}
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b|十[一二]|[三四五六七八九十]", re.IGNORECASE)
_UNIT = re.compile(r"(\d) *(?:circles?\b|个(?:圆圈|圆)?)", re.IGNORECASE | re.ASCII)


class CircleCountConfig(WorksheetConfig):
    """From `fewest` to `most` circles, drawn in a line of `line_width` px on a sheet of 512."""

    fewest: int = Field(default=6, ge=3, le=12)
    most: int = Field(default=10, ge=3, le=12)
    line_width: int = Field(default=4, ge=2, le=6)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not 1 <= self.most - self.fewest <= 5:
            raise ValueError("`most` exceeds `fewest` by 1 to 5: one numbered box for each count")
        return self

    @property
    def counts(self) -> range:
        """The possible counts."""
        return range(self.fewest, self.most + 1)


class CircleCount(Worksheet[CircleCountConfig]):
    """Overlapping circles, no two of them alike, and a row of numbered boxes for their count."""

    name: ClassVar[str] = "visual-circle-count"
    task: ClassVar[str] = "circle_count"
    summary: ClassVar[str] = "count overlapping circles"
    answer_kind: ClassVar[AnswerKind] = "choice"
    Config = CircleCountConfig

    def sample(self, rng: Rng, config: CircleCountConfig) -> Content:
        """Draws the count, then circles one by one, each unlike all before."""
        count = config.counts[rng.dealt(len(config.counts))]
        apart = APART_LINES * config.line_width
        circles: list[list[int]] = []
        for _ in range(ATTEMPTS):
            circle = _circle(rng)
            if all(unlikeness(circle, other) >= apart for other in circles):
                circles.append(circle)
            if len(circles) == count:
                data = {
                    "canvas": self.canvas(config),
                    "circles": circles,
                    "line_width": config.line_width,
                    "counts": list(config.counts),
                }
                return Content(data, str(count), _difficulty(circles))
        raise VtbError(f"no {count} different circles in {ATTEMPTS} attempts")

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(self.symmetries(data))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """The circles in any order, mirrored left to right, top to bottom, and both."""
        for flips_x in (False, True):
            for flips_y in (False, True):
                image = sorted(
                    (
                        AREA_LEFT + AREA_RIGHT - x if flips_x else x,
                        AREA_TOP + AREA_BOTTOM - y if flips_y else y,
                        radius,
                    )
                    for x, y, radius in data["circles"]
                )
                yield repr((image, data["line_width"], data["counts"])).encode()

    def capacity(self, config: CircleCountConfig) -> int | None:
        """None: more than anyone draws, and not counted."""
        return None

    def chance(self, config: CircleCountConfig) -> float:
        return 1 / len(config.counts)

    def options(self, instance: Instance) -> Sequence[Option]:
        page = self.page(instance, WorksheetStyle.model_validate(instance.style))
        labels = map(str, instance.data["counts"])
        return [Option(label, *box.centre) for label, box in zip(labels, page.boxes, strict=True)]

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        counts = instance.data["counts"]
        return {"fewest": counts[0], "most": counts[-1], "boxes": len(counts)}

    def parse(self, text: str) -> Parsed:
        return parse_count(text)

    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        return str(instance.data["counts"][values[0] - 1])

    def page(self, instance: Instance, style: WorksheetStyle) -> CirclePage:
        from .circle_page import CirclePage

        return CirclePage(instance.data, style)


def unlikeness(a: Sequence[int], b: Sequence[int]) -> float:
    """How far two circles (x, y, radius) differ: the larger of their distances."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    return max((dx * dx + dy * dy) ** 0.5, abs(a[2] - b[2]))


def parse_count(text: str) -> Parsed:
    """Reads a count as digits or as a word, with or without its unit; the value is its digits."""
    digits = _WORD.sub(lambda word: _NUMBERS[word.group().lower()], text)
    return parse_choice(_UNIT.sub(r"\1", digits), [str(count) for count in range(100)])


def _circle(rng: Rng) -> list[int]:
    radius = MIN_RADIUS + rng.below(MAX_RADIUS - MIN_RADIUS + 1)
    x = AREA_LEFT + radius + rng.below(AREA_RIGHT - AREA_LEFT - 2 * radius + 1)
    y = AREA_TOP + radius + rng.below(AREA_BOTTOM - AREA_TOP - 2 * radius + 1)
    return [x, y, radius]


def _difficulty(circles: Sequence[Sequence[int]]) -> dict[str, float]:
    """The count, the smallest difference of two circles, and how many pairs cross."""
    pairs = [(a, b) for place, a in enumerate(circles) for b in circles[:place]]
    crossings = sum(
        abs(a[2] - b[2]) < ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 < a[2] + b[2]
        for a, b in pairs
    )
    return {
        "circles": float(len(circles)),
        "unlike_px": round(min(unlikeness(a, b) for a, b in pairs), 3),
        "crossings": float(crossings),
    }
