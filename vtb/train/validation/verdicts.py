"""What the verifiers say of sampled clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, TypeAlias

from vtb.core.types import Prediction, Sample
from vtb.data import judging

Row: TypeAlias = Mapping[str, Any]


def judged(sample: Sample, clip: bytes) -> Row:
    """The verdict of the sample's own verifier on an MP4, as a line of `verdicts.jsonl`."""
    verdict = judging.check(sample, Prediction(sample.id, "video", content=clip))
    return {
        "sample_id": sample.id,
        "task": sample.instance.task,
        "score": verdict.score,
        "passed": verdict.passed,
        "reason": str(verdict.reason),
        "details": dict(verdict.details),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Mean score and pass rate, over all and by task; null where nothing could be scored.

    Samples without a score count in `unscored` only.
    """
    score, pass_rate = _means(rows)
    by_task = {
        task: dict(zip(("score", "pass_rate"), _means(of_task), strict=True))
        for task in sorted({row["task"] for row in rows})
        if (of_task := [row for row in rows if row["task"] == task])
    }
    return {
        "validation_score": score,
        "validation_pass_rate": pass_rate,
        "by_task": by_task,
        "unscored": sum(row["score"] is None for row in rows),
    }


def _means(rows: Sequence[Row]) -> tuple[float | None, float | None]:
    scored = [row for row in rows if row["score"] is not None]
    if not scored:
        return None, None
    return fmean(row["score"] for row in scored), fmean(row["passed"] for row in scored)
