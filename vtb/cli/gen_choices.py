"""From the words of a `vtb gen` command to the tasks they choose."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.cli.options import parse_size
from vtb.cli.output import note
from vtb.core import registry
from vtb.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vtb.data.choice import Choice, Setting


def chosen(name: str, preset: str | None, style: str | None) -> Choice:
    """A generator with a preset and a style; the style may be a TOML file.

    Raises UsageError for a file that is not TOML, and see `Choice.of`.
    """
    from vtb.data.choice import Choice

    path = Path(style or "")
    if path.suffix != ".toml" or not path.is_file():
        return Choice.of(name, preset=preset, style=style)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` is not valid TOML", fact=str(error)) from error
    return Choice.of(name, preset=preset).having(style=values)


def short_names(family: str) -> list[str]:
    """The names of a family's generators without the family's own."""
    prefix = f"{family}-"
    return [name.removeprefix(prefix) for name in registry.names() if name.startswith(prefix)]


def family_tasks(family: str, asked: str) -> list[str]:
    """The generators of a family that are asked for by name, by group or as `all`, sorted.

    Underscores are hyphens here, so that the task of a sample is a name too. Raises UsageError
    with the nearest name.
    """
    known = short_names(family)
    found: set[str] = set()
    for part in map(str.strip, asked.replace("_", "-").split(",")):
        found.update(known if part == "all" else [part] if part in known else _group(family, part))
    return [f"{family}-{name}" for name in known if name in found]


def _group(family: str, group: str) -> list[str]:
    groups = {name: registry.load(f"{family}-{name}").group for name in short_names(family)}
    found = [name for name, its_group in groups.items() if group and its_group == group]
    if not found:
        known = {"all", *groups, *groups.values()} - {""}
        raise UsageError(f"unknown {family} task `{group}`", hint=did_you_mean(group, known))
    return found


def with_canvas(choices: Sequence[Choice], canvas: str | None) -> Sequence[Choice]:
    """Sets the canvas where a task has one: in its configuration, or else in its style."""
    from vtb.data.choice import Setting

    if canvas is None:
        return choices
    source = f"--canvas {canvas}"
    size = parse_size(canvas, "--canvas")
    config, style = (Setting("canvas", size, is_style, source) for is_style in (False, True))
    _note_takers(source, [c.knows(config) or c.knows(style) for c in choices])
    return [choice.given(config if choice.knows(config) else style) for choice in choices]


def with_gap(choice: Choice, gap_px: float) -> Choice:
    """Sets the gap, which the configuration has as a share of the canvas's short side."""
    side_px = min(choice.task().config["canvas"])
    spaced = choice.having({"gap": (gap_px / side_px, gap_px / side_px)})
    try:
        spaced.task()
    except UsageError as error:
        error.fact = f"`--gap {gap_px:g}` is {gap_px / side_px:.3g} of {side_px} px; {error.fact}"
        raise
    return spaced


def with_settings(choices: Sequence[Choice], settings: Sequence[str] | None) -> Sequence[Choice]:
    """Applies `-s key=value` and `-s style.key=value` to every choice that has the key.

    Says so when that is not all of them; raises UsageError when it is none.
    """
    from vtb.data.choice import with_setting

    for text in settings or []:
        setting = _setting(text)
        choices = with_setting(choices, setting)
        _note_takers(setting.source, [choice.knows(setting) for choice in choices])
    return choices


def _note_takers(source: str, takes: Sequence[bool]) -> None:
    """Says of how many tasks a setting is, unless of all."""
    if not all(takes):
        note(f"`{source}` applies to {sum(takes)} of {len(takes)} tasks")


def _setting(text: str) -> Setting:
    from vtb.data.choice import Setting

    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"`-s {text}` has no `=`", hint="-s key=value")
    name = key.removeprefix("style.")
    return Setting(name, _value(value), is_style=name != key, source=f"-s {text}")


def _value(text: str) -> Any:
    """The JSON value; what is no JSON is a plain string."""
    try:
        return json.loads(text)
    except ValueError:
        return text
