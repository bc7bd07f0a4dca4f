"""From scores to headline numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from vtb.core.types import Reason
from vtb.eval.scores import MISSING, Score
from vtb.eval.stats import centred, share, wilson

Missing = Literal["fail", "skip"]
REASONS = (*(reason.value for reason in Reason), MISSING)


def summarise(
    scores: Sequence[Score], chance: Mapping[str, float], missing: Missing = "fail"
) -> dict[str, Any]:
    """Numbers over all scores, by task and by kind of prediction.

    Absent predictions count as not passed, or with `skip` not at all; what a verifier could not
    score never counts. `chance` is the expected accuracy of guessing by sample id.
    """
    counted = [score for score in scores if _counts(score, missing)]
    absent = sum(score.reason == MISSING for score in scores)
    answered = [score for score in counted if score.reason != MISSING]
    return {
        **_accuracy(counted, chance),
        "n_missing": absent,
        "n_unscored": sum(score.score is None for score in scores) - absent,
        "accuracy_answered": share(sum(score.passed for score in answered), len(answered)),
        "by_task": {
            task: {**_accuracy(part, chance), "reasons": _reasons(part), "details": _means(part)}
            for task, part in _groups(counted, "task").items()
        },
        "reasons": _reasons(counted),
        "kinds": {
            kind: _accuracy(part, chance) for kind, part in _groups(answered, "kind").items()
        },
    }


def _counts(score: Score, missing: Missing) -> bool:
    return missing == "fail" if score.reason == MISSING else score.score is not None


def _accuracy(scores: Sequence[Score], chance: Mapping[str, float]) -> dict[str, Any]:
    n, passed = len(scores), sum(score.passed for score in scores)
    accuracy, interval = share(passed, n), wilson(passed, n)
    guess = _mean(chance[score.sample_id] for score in scores)
    return {
        "n": n,
        "passed": passed,
        "accuracy": accuracy,
        "ci95": None if interval is None else list(interval),
        "chance": guess,
        "accuracy_centred": None if guess is None else centred(accuracy, guess),
        "straight": _mean(float(s.straight) for s in scores if s.straight is not None),
    }


def _reasons(scores: Sequence[Score]) -> dict[str, int]:
    counts = Counter(score.reason for score in scores)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def _means(scores: Sequence[Score]) -> dict[str, float]:
    """Means of the numbers in the details, such as the share of the path that is legal."""
    values: dict[str, list[float]] = {}
    for score in scores:
        for name, value in score.details.items():
            if isinstance(value, int | float):
                values.setdefault(name, []).append(float(value))
    return {name: fmean(numbers) for name, numbers in sorted(values.items())}


def _groups(scores: Iterable[Score], attribute: Literal["task", "kind"]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.task if attribute == "task" else score.kind, []).append(score)
    return dict(sorted(groups.items()))


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return fmean(numbers) if numbers else None
