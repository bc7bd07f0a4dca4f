"""The sizes of one puzzle in px, and the figures that are drawn up on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .config import REFERENCE_PX, EyeballingConfig
from .shapes import Box

# Named parts of a figure: points are complex, lengths float, and lists of either.
Figure: TypeAlias = Mapping[str, Any]

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Board:
    """A configuration in px of its canvas; `side` is the short side, `gap` drawn per puzzle.

    `clearance` is how far the middle of a given stroke stays from the middle of every marker.
    """

    width: int
    height: int
    side: float
    gap: float
    spread: float
    point_radius: float
    line_width: float
    options: int
    frame: Box
    clearance: float

    @classmethod
    def of(cls, config: EyeballingConfig, gap: float) -> Board:
        """The board of a configuration for a gap given as a share of the short side."""
        height, width = config.canvas
        side = min(height, width)
        scale = side / REFERENCE_PX
        margin = max(18 * scale, config.margin * side)
        point_radius, line_width = config.point_radius * scale, config.line_width * scale
        return cls(
            width=width,
            height=height,
            side=side,
            gap=gap * side,
            # More options take more room.
            spread=config.spread * gap * side * max(1.0, config.options / 5) ** 0.5,
            point_radius=point_radius,
            line_width=line_width,
            options=config.options,
            frame=Box(margin, margin, width - margin, height - margin),
            clearance=point_radius + line_width / 2 + 2 * scale,
        )

    @property
    def canvas(self) -> Box:
        """The whole picture."""
        return Box(0, 0, self.width, self.height)

    def px(self, length: float) -> float:
        """A length given in px on a canvas of 512."""
        return length * self.side / REFERENCE_PX


@dataclass(frozen=True, slots=True)
class Draft:
    """Options for a puzzle before one of them is made the right one.

    `figures[j]` is the figure that makes the option at `positions[j]` right; all of them must be
    possible, so that the positions say nothing about which is. `in_order` asks for labels along
    the positions. Where the markers are the figure, `answer` is fixed and there is one figure.
    """

    positions: Sequence[complex]
    figures: Sequence[Figure]
    in_order: bool = False
    answer: int | None = None


def moved(value: Any, offset: complex) -> Any:
    """A figure, or a part of one, moved; lengths stay."""
    if isinstance(value, complex):
        return value + offset
    if isinstance(value, dict):
        return {name: moved(part, offset) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [moved(part, offset) for part in value]
    return value


def to_json(value: Any) -> Any:
    """A figure as JSON: points [x, y], rounded to a millionth of a pixel; text stays."""
    if isinstance(value, str):
        return value
    if isinstance(value, complex):
        return [round(value.real, DIGITS), round(value.imag, DIGITS)]
    if isinstance(value, dict):
        return {name: to_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(part) for part in value]
    return round(float(value), DIGITS)


def from_json(value: Any) -> Any:
    """The figure stored as JSON; a list of two numbers is a point."""
    if isinstance(value, dict):
        return {name: from_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and not isinstance(value[0], (list, tuple)):
            return complex(*value)
        return [from_json(part) for part in value]
    return value


def flatten(value: Any) -> list[float]:
    """Every coordinate and length of a figure stored as JSON, points as two numbers, in order."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in flatten(part)]
    if isinstance(value, (list, tuple)):
        return [number for part in value for number in flatten(part)]
    return [value]
