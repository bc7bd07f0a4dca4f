"""One scored prediction as a line of `scores.jsonl`, and which lines still hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vtb.core.files import append_line, atomic_write, read_json_lines
from vtb.core.types import Json, Prediction, Verdict

SCORES_NAME = "scores.jsonl"
MISSING = "missing_prediction"


@dataclass(frozen=True, slots=True)
class Target:
    """One sample to be scored, before its prediction is looked at.

    `evaluator` names the verifier and its version, `drawing` identifies content and style,
    `sha256` the prediction; a score holds as long as none of them changes. `prediction` is None
    for a baseline, which is made where it is scored, and where there is none (`sha256` is "").
    `group` is what its generator calls the group of tasks, or the task where it is in none.
    `chance` is the expected accuracy of guessing.
    """

    sample_id: str
    task: str
    group: str
    evaluator: str
    drawing: str
    sha256: str
    chance: float
    prediction: Prediction | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What must be equal for a stored score to hold."""
        return self.sample_id, self.evaluator, self.drawing, self.sha256


@dataclass(frozen=True, slots=True)
class Score:
    """A verdict with what it was given for; `score` None means that nothing could be scored.

    `straight` says whether the family's blind guess of that name passes, None where it has none;
    `passed_vtb` whether our own verifier passes what another rule was asked about.
    """

    sample_id: str
    task: str
    evaluator: str
    drawing: str
    sha256: str
    kind: str
    score: float | None
    passed: bool
    reason: str
    straight: bool | None = None
    details: Mapping[str, Json] = field(default_factory=dict[str, Json])
    passed_vtb: bool | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """See `Target.key`."""
        return self.sample_id, self.evaluator, self.drawing, self.sha256


def score_of(
    target: Target,
    kind: str,
    verdict: Verdict | None,
    straight: bool | None,
    passed_vtb: bool | None = None,
) -> Score:
    """The score of a verdict, or of there being no prediction."""
    return Score(
        sample_id=target.sample_id,
        task=target.task,
        evaluator=target.evaluator,
        drawing=target.drawing,
        sha256=target.sha256,
        kind=kind,
        score=verdict.score if verdict else None,
        passed=verdict.passed if verdict else False,
        reason=str(verdict.reason) if verdict else MISSING,
        straight=straight,
        passed_vtb=passed_vtb,
        details=_finite(dict(verdict.details)) if verdict else {},
    )


def keep_valid(path: Path, targets: Sequence[Target]) -> dict[str, Score]:
    """The stored scores of `targets` that still hold, by sample id.

    Lines that hold no more, or twice, are dropped from the file; scores of other samples stay.
    """
    rows = read_json_lines(path)
    keys = {target.sample_id: target.key for target in targets}
    kept = {
        name: row
        for row in rows
        if isinstance(name := row.get("sample_id"), str) and keys.get(name, _key(row)) == _key(row)
    }
    if len(kept) < len(rows):
        atomic_write(path, "".join(_line(row) + "\n" for row in kept.values()))
    return {name: Score(**row) for name, row in kept.items() if name in keys}


def append_score(path: Path, score: Score) -> None:
    """Adds one score and syncs it to the disk."""
    append_line(path, _line(asdict(score)))


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("sample_id", "evaluator", "drawing", "sha256"))


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
