"""Generators by name, found through entry points and imported only when used."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UsageError, VtbError, did_you_mean

if TYPE_CHECKING:
    from vtb.core.generator import Generator

GROUP = "vtb.generators"


def names() -> list[str]:
    """Every registered generator, built-in or installed, without importing any."""
    return sorted(_points())


@cache
def load(name: str) -> Generator[Any, Any]:
    """The generator of that name; raises UsageError with the nearest name when unknown."""
    point = _points().get(name)
    if point is None:
        raise UsageError(f"unknown generator `{name}`", hint=did_you_mean(name, _points()))
    try:
        cls = point.load()
    except (ImportError, AttributeError) as error:
        raise VtbError(
            f"generator `{name}` cannot be imported",
            fact=f"{point.value}: {error}",
            hint="re-install the package that provides it",
        ) from error
    return cls()


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
