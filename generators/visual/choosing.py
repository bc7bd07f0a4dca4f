"""How options are drawn so that neither their order nor their names tell which is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from vtb.core.rng import Rng

T = TypeVar("T")


class Choice(NamedTuple):
    """Options as listed, and which of them is right."""

    options: list[str]
    answer: str


def drawn(rng: Rng, items: Sequence[T]) -> list[T]:
    """The items in random order."""
    shuffled = list(items)
    rng.shuffle(shuffled)
    return shuffled


def choose(rng: Rng, names: Sequence[str], num_options: int) -> Choice:
    """Draws options and lists them in random order, each as likely right as the others."""
    answer, *others = drawn(rng, names)[:num_options]
    options = drawn(rng, others)
    options.insert(rng.dealt(num_options), answer)
    return Choice(options, answer)


def choose_in_order(rng: Rng, names: Sequence[str], num_options: int) -> Choice:
    """Draws options and lists them in the order of `names`, each as likely right as the others."""
    options = sorted(drawn(rng, names)[:num_options], key=names.index)
    return Choice(options, options[rng.dealt(num_options)])
