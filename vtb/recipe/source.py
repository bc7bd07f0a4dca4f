"""TOML files in and out; every value knows the line it stands on."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from vtb.core.errors import UsageError

Table: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """The content of one file; `origins` maps the dotted key of each value to `file:line`."""

    values: Table
    origins: Mapping[str, str]


def read(path: Path) -> Source:
    """Reads a TOML file; raises UsageError when it is absent or not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"`{path}` is no readable recipe", fact=str(error)) from error
    origins = {key: f"{path}:{line}" for key, line in _lines(text)}
    return Source(values, origins)


def leaves(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a table, with its dotted key."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def dump(table: Table, comments: Mapping[str, str] | None = None) -> str:
    """The values as TOML, tables last; `comments` by dotted key stand behind their values."""
    return "\n".join(_dump(table, comments or {}, "")).strip() + "\n"


def _lines(text: str) -> Iterator[tuple[str, int]]:
    # tomllib tells no positions. A statement ends at the first line that completes valid TOML.
    head, statement, start = "", "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            head = _only_table(parsed)
        for key, _ in leaves(parsed, head):
            yield key, start
        statement, start = "", number + 1


def _only_table(parsed: Any) -> str:
    head = ""
    while isinstance(parsed, Mapping) and parsed:
        key, parsed = next(iter(cast("Table", parsed).items()))
        head += f"{key}."
    return head


def _dump(table: Table, comments: Mapping[str, str], prefix: str) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, Mapping):
            comment = comments.get(prefix + key)
            yield f"{key} = {literal(value)}" + (f"  # {comment}" if comment else "")
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[{prefix}{key}]"
            yield from _dump(value, comments, f"{prefix}{key}.")


def literal(value: object) -> str:
    """A value as TOML on one line, tables inline; None has no form in TOML."""
    if isinstance(value, str):
        # JSON's escapes are a part of TOML's, but DEL must be escaped in TOML alone.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, Mapping):
        table = cast("Table", value)
        return "{ " + ", ".join(f"{key} = {literal(item)}" for key, item in table.items()) + " }"
    return repr(value)
