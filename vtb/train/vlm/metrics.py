"""The figures of a step under our names, from the log of a trainer; imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

# TRL's names, and ours where they differ; lengths are in tokens.
NAMES: Mapping[str, str] = {
    "learning_rate": "lr",
    "epoch": "epoch",
    "mean_token_accuracy": "token_acc",
    "entropy": "entropy",
    "kl": "kl",
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "zero_std_groups",
    "completions/clipped_ratio": "clipped_ratio",
    "completions/mean_length": "mean_length",
    "completions/min_length": "min_length",
    "completions/max_length": "max_length",
}
# Under this name a step has the mean score of each task.
BY_TASK = "correct_by_task"
# Steps in a row with so many groups of equal rewards are no accident.
FLAT_SHARE, FLAT_STEPS = 0.9, 20


def facts_of(log: Mapping[str, Any], weights: Mapping[str, float]) -> dict[str, Any]:
    """The figures that we know of; `reward_parts` has the mean of each part of the reward.

    The log has the parts multiplied by their `weights`, which are by the names of the functions.
    """
    facts = {ours: log[theirs] for theirs, ours in NAMES.items() if theirs in log}
    parts = {
        name.removeprefix("vtb_"): log[f"rewards/{name}/mean"] / weight
        for name, weight in weights.items()
        if f"rewards/{name}/mean" in log
    }
    return {**facts, "reward_parts": parts} if parts else facts


def mean_by_task(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The mean score of each task, from tasks and scores."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for task, score in scores:
        found[task].append(score)
    return {task: fmean(of_task) for task, of_task in found.items()}


class FlatSteps:
    """Counts steps in which hardly any group of completions tells good from bad."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def warning(self, facts: Mapping[str, Any]) -> str | None:
        """What to say after this step, at the last of so many in a row; else None."""
        is_flat = facts.get("zero_std_groups", 0.0) >= FLAT_SHARE
        self._in_a_row = self._in_a_row + 1 if is_flat else 0
        if self._in_a_row != FLAT_STEPS:
            return None
        return (
            f"in {FLAT_STEPS} steps in a row at least {FLAT_SHARE:.0%} of the groups earned the "
            "same for every completion: there is nothing to learn from them"
        )
