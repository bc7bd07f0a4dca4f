"""What is going to be executed, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of a preflight; an `error` stops the run, a `warning` and an `info` do not.

    `is_environment` where the request is sound and this machine lacks something.
    """

    level: Literal["info", "warning", "error"]
    name: str
    message: str
    hint: str = ""
    is_environment: bool = False


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a run will take; None where it cannot be told.

    `tokens` is the length of the model's sequence for one sample. `seconds_per_step` counts the
    transformer alone; `memory_gib` is the peak on a device, with `recomputed_blocks` of `blocks`
    computed again in the backward pass. A step has `batch` samples: `accum` times `micro_batch`
    on each of `devices`.
    """

    tokens: int
    steps: int
    trainable_parameters: int
    checkpoint_bytes: int
    seconds_per_step: float | None = None
    memory_gib: float | None = None
    tflop_per_step: float | None = None
    samples: int = 0
    batch: int = 1
    micro_batch: int = 1
    accum: int = 1
    devices: int = 1
    blocks: int = 0
    recomputed_blocks: int = 0


@dataclass(frozen=True, slots=True)
class CacheNeed:
    """Samples that are encoded already, those that are not, and about how much those will take."""

    directory: str
    hits: int
    missing: int
    bytes_to_write: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A child process: `env` holds what is added to the environment, paths are absolute.

    `files` are texts to be written before it starts, by path; `preflight` is the argv of a process
    that tries the base model first, where there is one, and `finish` that of one that writes the
    final files. `recipe` has the `value` and the
    `origin` of each setting by its dotted key.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    checks: tuple[Check, ...]
    estimates: Estimates
    cache: CacheNeed | None = None
    recipe: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Any])
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    preflight: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()

    def payload(self) -> dict[str, Any]:
        """The plan as JSON, with the keys of `vtb.plan/1`."""
        return asdict(self)

    @property
    def errors(self) -> tuple[Check, ...]:
        """The findings that stop the run."""
        return tuple(check for check in self.checks if check.level == "error")
