"""Mixtures: TOML files that say which tasks a dataset holds, in which parts and how set."""

from __future__ import annotations

import tomllib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from vtb.core.config import Config, parse
from vtb.core.errors import UsageError, did_you_mean
from vtb.core.types import Json
from vtb.data.choice import Choice


class Entry(Config):
    """One `[[task]]` of a mixture; only `generator` and `count` are needed.

    Values of `config` and `style` win over those of the preset. `difficulty` bounds named numbers
    of the puzzles, (lowest, highest), both included.
    """

    generator: str
    count: int = Field(ge=1)
    config: Mapping[str, Json] = {}
    style: str | Mapping[str, Json] = {}
    preset: str | None = None
    difficulty: Mapping[str, tuple[float, float]] = {}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, (low, high) in self.difficulty.items():
            if low > high:
                raise ValueError(f"difficulty.{name} is (lowest, highest)")
        return self

    def choice(self) -> Choice:
        """What the entry asks for; raises UsageError for what its generator does not have."""
        name = self.style if isinstance(self.style, str) else None
        values = {} if isinstance(self.style, str) else self.style
        named = Choice.of(self.generator, preset=self.preset, style=name)
        asked = replace(named, share=self.count, difficulty=self.difficulty)
        return asked.having(self.config, values)


class _File(Config):
    task: tuple[dict[str, Any], ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Mixture:
    """The tasks of a mixture with their shares in lowest terms, and the sum of their counts."""

    choices: Sequence[Choice]
    count: int


def read_mixture(path: Path) -> Mixture:
    """Reads and checks a mixture.

    Raises UsageError, naming the file and the entry, for a file that is not TOML and for unknown
    keys, generators, settings and difficulties.
    """
    tables = parse(_File, _read(path), str(path)).task
    choices: list[Choice] = []
    for number, table in enumerate(tables, 1):
        with _naming(f"{path}, task {number}"):
            choice = parse(Entry, table, "").choice()
            _require_difficulty(choice)
        choices.append(choice)
    counts = [choice.share for choice in choices]
    whole = gcd(*counts)
    return Mixture([replace(c, share=c.share // whole) for c in choices], sum(counts))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"`{path}` is no readable mixture", fact=str(error)) from error


@contextmanager
def _naming(where: str) -> Generator[None]:
    """Says in an error's fact where in the file it is."""
    try:
        yield
    except UsageError as error:
        error.fact = f"{where}: {error.fact}" if error.fact else where
        raise


def _require_difficulty(choice: Choice) -> None:
    """Draws a puzzle: only that tells which numbers its generator gives."""
    task = choice.task()
    if not choice.difficulty:
        return
    known = task.sampler(0).draw(0, 0).difficulty
    for name in choice.difficulty:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UsageError(f"`{choice.generator}` has no difficulty `{name}`", hint=hint)
