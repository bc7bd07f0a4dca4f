"""What is going to be executed, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of a preflight; an `error` stops the run, a `warning` does not."""

    level: Literal["warning", "error"]
    name: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a run will take; None where it cannot be told.

    `tokens` is the length of the model's sequence for one sample. `seconds_per_step` counts the
    transformer alone; `memory_gib` is the peak on the device.
    """

    tokens: int
    steps: int
    trainable_parameters: int
    checkpoint_bytes: int
    seconds_per_step: float | None = None
    memory_gib: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A child process: `env` holds what is added to the environment, paths are absolute."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    checks: tuple[Check, ...]
    estimates: Estimates

    def payload(self) -> dict[str, Any]:
        """The plan as JSON, with the keys of `vtb.plan/1`."""
        return asdict(self)

    @property
    def errors(self) -> tuple[Check, ...]:
        """The findings that stop the run."""
        return tuple(check for check in self.checks if check.level == "error")
