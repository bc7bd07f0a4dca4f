"""The named colours of the pattern puzzles, their mixtures and their shades."""

from __future__ import annotations

from collections.abc import Sequence

from vtb.core.rng import Rng

COLOURS: tuple[str, ...] = ("blue", "green", "yellow", "red", "purple", "orange")
PRIMARIES: tuple[str, ...] = ("red", "yellow", "blue")
# From light to dark. Only the ends of a row of shades are ever answers.
SHADES = ("light", "medium light", "medium dark", "dark")

# Too much alike to tell two things apart in one pattern.
_ALIKE = {"orange", "yellow"}
_MIXTURES = {("red", "yellow"): "orange", ("blue", "yellow"): "green", ("blue", "red"): "purple"}


def mixture(one: str, other: str) -> str:
    """The colour that two primary colours make; a colour mixed with itself is that colour."""
    return one if one == other else _MIXTURES[min(one, other), max(one, other)]


def can_stand_together(colours: Sequence[str]) -> bool:
    """Whether these colours are all different and no two of them are too much alike."""
    return len(set(colours)) == len(colours) and not set(colours) >= _ALIKE


def pattern_colours(rng: Rng, options: Sequence[str], answer: str, num_colours: int) -> list[str]:
    """The answer and then other options, drawn so that all can stand together in one pattern."""
    others = [colour for colour in options if colour != answer]
    rng.shuffle(others)
    chosen = [answer]
    for colour in others:
        if len(chosen) < num_colours and can_stand_together([*chosen, colour]):
            chosen.append(colour)
    return chosen
