"""A generator and what was asked of it, before its defaults are filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

from vtb.core import registry
from vtb.core.errors import UsageError, did_you_mean
from vtb.core.generator import Generator
from vtb.core.types import Json
from vtb.data.request import Task


class Setting(NamedTuple):
    """One value of a configuration or, with `is_style`, of a style, and how it was given."""

    key: str
    value: Json
    is_style: bool
    source: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One task of a dataset to be: `share` parts of it, its settings, bounds of its difficulty.

    `note` is what a preset has to say to whoever chose it.
    """

    generator: str
    config: Mapping[str, Json] = field(default_factory=dict[str, Json])
    style: Mapping[str, Json] = field(default_factory=dict[str, Json])
    share: int = 1
    difficulty: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    note: str = ""

    @classmethod
    def of(cls, name: str, *, preset: str | None = None, style: str | None = None) -> Self:
        """The settings of a named preset under those of a named style.

        Raises UsageError with the nearest name when the generator has no such preset or style.
        """
        generator = registry.load(name)
        chosen = _named(generator.presets(), preset, "preset") if preset else {}
        look = {**_style(generator, chosen.get("style")), **_style(generator, style)}
        note = f"preset {preset}: {chosen['note']}" if "note" in chosen else ""
        return cls(name, dict(chosen.get("config", {})), look, note=note)

    def having(
        self, config: Mapping[str, Json] | None = None, style: Mapping[str, Json] | None = None
    ) -> Self:
        """The same with further settings, which win."""
        return replace(
            self, config={**self.config, **(config or {})}, style={**self.style, **(style or {})}
        )

    def knows(self, setting: Setting) -> bool:
        """Whether the generator has such a key."""
        return setting.key in self.keys(is_style=setting.is_style)

    def given(self, setting: Setting) -> Self:
        """The same with that value, where the generator has such a key."""
        values = {setting.key: setting.value} if self.knows(setting) else {}
        return self.having(style=values) if setting.is_style else self.having(values)

    def keys(self, *, is_style: bool) -> list[str]:
        """The keys of the generator's configuration or style."""
        generator = registry.load(self.generator)
        return list((generator.Style if is_style else generator.Config).model_fields)

    def missing(self) -> list[str]:
        """Keys of the configuration that have neither a default nor a value."""
        fields = registry.load(self.generator).Config.model_fields
        return [k for k, field in fields.items() if field.is_required() and k not in self.config]

    def task(self) -> Task:
        """The task with every default filled in; raises UsageError for a wrong value."""
        return Task.of(
            self.generator,
            self.config,
            self.style,
            share=self.share,
            difficulty=self.difficulty,
        )


def with_setting(choices: Sequence[Choice], setting: Setting) -> list[Choice]:
    """Gives a value to every choice that has its key; the others stay as they are.

    So a whole family can be set at once. Raises UsageError when no choice has the key.
    """
    if not any(choice.knows(setting) for choice in choices):
        part = "style" if setting.is_style else "configuration"
        names = dict.fromkeys(choice.generator for choice in choices)
        known = {key for choice in choices for key in choice.keys(is_style=setting.is_style)}
        raise UsageError(
            f"unknown key `{setting.key}`",
            fact=f"`{setting.source}`; {part} of {', '.join(names)}",
            hint=did_you_mean(setting.key, known),
        )
    return [choice.given(setting) for choice in choices]


def _style(generator: Generator[Any, Any], name: str | None) -> Mapping[str, Json]:
    return {} if name is None else _named(generator.styles(), name, "style")


def _named(known: Mapping[str, Mapping[str, Json]], name: str, what: str) -> Mapping[str, Json]:
    if name not in known:
        raise UsageError(f"unknown {what} `{name}`", hint=did_you_mean(name, known))
    return known[name]
