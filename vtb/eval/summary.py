"""From scores to headline numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from vtb.core.stats import centred, share, wilson
from vtb.core.types import Reason
from vtb.eval.scores import MISSING, Score

Missing = Literal["fail", "skip"]
REASONS = (*(reason.value for reason in Reason), MISSING)


def summarise(
    scores: Sequence[Score],
    chance: Mapping[str, float],
    groups: Mapping[str, str],
    missing: Missing = "fail",
) -> dict[str, Any]:
    """Numbers over all scores, by task, by group of tasks and by kind of prediction.

    Absent predictions count as not passed, or with `skip` not at all; what a verifier could not
    score never counts. `chance` is the expected accuracy of guessing by sample id, `groups` the
    group by task.
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
            for task, part in _parts(counted, lambda score: score.task).items()
        },
        "by_group": {
            group: _accuracy(part, chance)
            for group, part in _parts(counted, lambda score: groups[score.task]).items()
        },
        "reasons": _reasons(counted),
        "rules": _rules([score for score in counted if score.passed_vtb is not None]),
        "kinds": {
            kind: _accuracy(part, chance)
            for kind, part in _parts(answered, lambda score: score.kind).items()
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


def _rules(scores: Sequence[Score]) -> dict[str, dict[str, int]]:
    """By task, how many pass the other rule, ours, and both; empty when only ours was asked."""
    return {
        task: {
            "n": len(part),
            "videothinkbench": sum(score.passed for score in part),
            "vtb": sum(bool(score.passed_vtb) for score in part),
            "both": sum(score.passed and bool(score.passed_vtb) for score in part),
        }
        for task, part in _parts(scores, lambda score: score.task).items()
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


def _parts(scores: Iterable[Score], key: Callable[[Score], str]) -> dict[str, list[Score]]:
    parts: dict[str, list[Score]] = {}
    for score in scores:
        parts.setdefault(key(score), []).append(score)
    return dict(sorted(parts.items()))


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return fmean(numbers) if numbers else None
