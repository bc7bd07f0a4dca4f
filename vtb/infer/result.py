"""What a run of a model on a dataset did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InferResult:
    """What a folder of predictions holds after a run.

    `n` predictions were asked for, `done` were made by this run, `skipped` were there, and `failed`
    maps the ids that could not be made to the reason. `warnings` are sentences about the request.
    """

    out: Path
    n: int
    done: int
    skipped: int
    failed: Mapping[str, str]
    seconds: float
    warnings: Sequence[str] = ()
