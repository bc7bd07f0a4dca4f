"""Resolving a recipe: its parents, the `--set` values, the defaults, and the origin of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from vtb.core.config import parse
from vtb.core.errors import UsageError, did_you_mean
from vtb.recipe.find import find
from vtb.recipe.kinds import KINDS
from vtb.recipe.schema import Recipe
from vtb.recipe.source import Source, Table, dump, leaves, read

RecipeT = TypeVar("RecipeT", bound=Recipe)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[RecipeT]):
    """A complete recipe; `origins` says of each dotted key `file:line`, `--set` or `default`."""

    name: str
    recipe: RecipeT
    origins: Mapping[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """Every value as JSON, without those that are not set."""
        return self.recipe.model_dump(mode="json", exclude_none=True)

    def toml(self, *, with_origins: bool = False) -> str:
        """The recipe as one TOML file, with the origins as comments on demand."""
        return dump(self.values, self.origins if with_origins else None)


def load_any(reference: str, overrides: Sequence[str] = ()) -> Resolved[Recipe]:
    """Resolves a recipe of the kind that it names itself; see `load`."""
    source = _with_overrides(_read(reference, Path(), ()), overrides)
    kind = str(source.values.get("kind"))
    if kind not in KINDS:
        raise UsageError(
            f"`{reference}` has no known kind",
            fact=f"kind = {source.values.get('kind')!r}",
            hint=did_you_mean(kind, KINDS),
        )
    return _resolve(KINDS[kind], reference, source)


def load(model: type[RecipeT], reference: str, overrides: Sequence[str] = ()) -> Resolved[RecipeT]:
    """Resolves a shipped recipe or a TOML file, with `key.path=value` overrides.

    Raises UsageError, naming the place of the value, for an absent file or parent, a cycle of
    parents, an unknown key or a value out of range.
    """
    source = _with_overrides(_read(reference, Path(), ()), overrides)
    kind = str(source.values.get("kind"))
    if kind in KINDS and not issubclass(model, KINDS[kind]):
        wanted = next(name for name, known in KINDS.items() if known is model)
        raise UsageError(
            f"`{reference}` is a recipe of kind `{kind}`",
            fact=f"one of kind `{wanted}` is needed",
            hint=f"vtb train {kind} -r {reference}, or see vtb recipe ls --kind {wanted}",
        )
    return _resolve(model, reference, source)


def _resolve(model: type[RecipeT], name: str, source: Source) -> Resolved[RecipeT]:
    recipe = _validate(model, source, name)
    values = recipe.model_dump(mode="json", exclude_none=True)
    origins = {key: source.origins.get(key, "default") for key, _ in leaves(values)}
    return Resolved(name, recipe, origins)


def _validate(model: type[RecipeT], source: Source, name: str) -> RecipeT:
    try:
        return model.model_validate(source.values)
    except ValidationError as error:
        location = [str(part) for part in error.errors()[0]["loc"]]
        keys = [".".join(location[:end]) for end in range(len(location), 0, -1)]
        below = [key for key in source.origins if key.startswith(f"{keys[0]}.")] if keys else []
        place = next((source.origins[key] for key in below + keys if key in source.origins), name)
        return parse(model, source.values, place)


def _read(reference: str, beside: Path, children: Sequence[Path]) -> Source:
    path = find(reference, beside)
    if path.resolve() in children:
        chain = " → ".join(str(child) for child in (*children, path.resolve()))
        raise UsageError(f"recipe `{reference}` extends itself", fact=chain)
    source = read(path)
    values = dict(source.values)
    parent = values.pop("extends", None)
    if parent is None:
        return source
    base = _read(str(parent), path.parent, (*children, path.resolve()))
    return _merged(base, Source(values, source.origins))


def _merged(base: Source, top: Source) -> Source:
    return Source(_deep_merge(base.values, top.values), {**base.origins, **top.origins})


def _deep_merge(base: Table, top: Table) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = base.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _deep_merge(below, value)
        else:
            merged[key] = value
    return merged


def _with_overrides(source: Source, overrides: Sequence[str]) -> Source:
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not all(key.split(".")):
            raise UsageError(
                f"`--set {text}` is no assignment", hint="write it as --set train.lr=1e-4"
            )
        table: Any = _toml_value(value)
        for part in reversed(key.split(".")):
            table = {part: table}
        source = _merged(source, Source(table, {key: f"--set {text}"}))
    return source


def _toml_value(text: str) -> object:
    # A value that is no TOML literal, such as `cosine`, is the string itself.
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
