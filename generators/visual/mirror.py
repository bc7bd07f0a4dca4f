"""Mirror images: colour the right half of a grid as the mirror image of its left half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import comb
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from vtb.core.answers import Parsed, parse_grid
from vtb.core.config import MULTIPLE_PX
from vtb.core.generator import AnswerKind
from vtb.core.rng import Rng
from vtb.core.types import Content, Instance, Json, Language

from .worksheet import Worksheet
from .worksheet_config import WorksheetConfig
from .worksheet_style import PAINTS, WorksheetStyle

if TYPE_CHECKING:
    from .mirror_page import MirrorPage

Rows = Sequence[Sequence[int]]
CELL_PX, MIN_CELL_PX = 48, 16


class MirrorConfig(WorksheetConfig):
    """`rows` x `cols` cells, of 48 px unless there is a `canvas`.

    `fill` is the share of the left half that is coloured.
    """

    rows: int = Field(default=6, ge=2, le=16)
    cols: int = Field(default=8, ge=4, le=16)
    fill: float = Field(default=0.6, gt=0, le=1)
    colours: int = Field(default=len(PAINTS), ge=2, le=len(PAINTS))

    @field_validator("cols")
    @classmethod
    def _even(cls, cols: int) -> int:
        if cols % 2:
            raise ValueError("the mirror stands between two columns, so `cols` is even")
        return cols

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.canvas:
            height, width = self.canvas
            if min(height / self.rows, width / self.cols) < MIN_CELL_PX:
                raise ValueError(f"cells have at least {MIN_CELL_PX} px: a larger canvas is needed")
        return self

    @property
    def num_given(self) -> int:
        """Cells of the left half."""
        return self.rows * self.cols // 2

    @property
    def num_coloured(self) -> int:
        """Coloured cells of the left half, at least one."""
        return max(1, round(self.fill * self.num_given))


class Mirror(Worksheet[MirrorConfig]):
    """A grid whose left half is partly coloured and whose right half is to become its image."""

    name: ClassVar[str] = "visual-mirror"
    task: ClassVar[str] = "mirror"
    summary: ClassVar[str] = "mirror a coloured pattern"
    answer_kind: ClassVar[AnswerKind] = "grid"
    Config = MirrorConfig

    def canvas(self, config: MirrorConfig) -> list[int]:
        """By default the smallest canvas for cells of 48 px."""
        if config.canvas:
            return super().canvas(config)
        sides = (config.cols * CELL_PX, config.rows * CELL_PX)
        return [-(-side // MULTIPLE_PX) * MULTIPLE_PX for side in sides]

    def sample(self, rng: Rng, config: MirrorConfig) -> Content:
        """Draws which cells are coloured, then each colour: uniform over puzzles."""
        order = list(range(config.num_given))
        rng.shuffle(order)
        cells = [0] * config.num_given
        for cell in order[: config.num_coloured]:
            cells[cell] = 1 + rng.below(config.colours)
        half = config.cols // 2
        left = [cells[start : start + half] for start in range(0, len(cells), half)]
        difficulty = {
            "cells": float(config.rows * config.cols),
            "to_colour": float(config.num_coloured),
            "colours": float(len({*cells} - {0})),
        }
        data = {"canvas": self.canvas(config), "left": left}
        return Content(data, mirrored(left), difficulty)

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return _bytes(data["left"])

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """The puzzle and its reflection in a horizontal line; in a vertical one it is no puzzle."""
        yield _bytes(data["left"])
        yield _bytes(data["left"][::-1])

    def capacity(self, config: MirrorConfig) -> int | None:
        """Choices of the coloured cells times choices of their colours, exactly."""
        return comb(config.num_given, config.num_coloured) * config.colours**config.num_coloured

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        left = instance.data["left"]
        return {"rows": len(left), "cols": 2 * len(left[0]), "half": len(left[0])}

    def parse(self, text: str) -> Parsed:
        return parse_grid(text)

    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        left = instance.data["left"]
        half = len(left[0])
        return [
            [*row, *values[start : start + half]]
            for row, start in zip(left, range(0, len(values), half), strict=True)
        ]

    def page(self, instance: Instance, style: WorksheetStyle) -> MirrorPage:
        from .mirror_page import MirrorPage

        return MirrorPage(instance.data, style)


def mirrored(left: Rows) -> list[list[int]]:
    """The whole grid of a left half: every row is followed by itself read backwards."""
    return [[*row, *row[::-1]] for row in left]


def _bytes(left: Rows) -> bytes:
    return bytes((len(left), *chain.from_iterable(left)))
