"""What the base model earns before reinforcement begins, and what that means; imports no torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from vtb.core.files import read_json
from vtb.recipe.vlm import PreflightTable
from vtb.run.plan import Check
from vtb.run.rundir import RunDirectory

SCHEMA = "vtb.preflight/1"
# Under this key a report says what `vtb.train.vlm.curriculum` chooses by.
CURRICULUM = "curriculum"
# From such a share of equal groups, or of cut completions, on there is little to learn from.
MANY_FLAT, MANY_CUT = 0.8, 0.5
SHOWN_PER_TASK = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """One completion of the base model: of which puzzle, what it earned, and how it was read."""

    sample_id: str
    task: str
    text: str
    reward: float
    is_solved: bool
    status: str
    is_truncated: bool


def report(tried: Sequence[Tried], wanted: PreflightTable) -> dict[str, Any]:
    """The content of `preflight.json`: figures over all completions, groups and tasks."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    tasks: defaultdict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        groups[one.sample_id].append(one.reward)
        tasks[one.task].append(one)
    spreads = [pstdev(rewards) for rewards in groups.values()]
    return {
        "schema": SCHEMA,
        "prompts": wanted.prompts,
        "generations": wanted.generations,
        "completions": len(tried),
        "reward": fmean(one.reward for one in tried),
        "reward_std": fmean(spreads),
        "zero_std_groups": fmean(max(rewards) == min(rewards) for rewards in groups.values()),
        "accuracy": fmean(one.is_solved for one in tried),
        "clipped": fmean(one.is_truncated for one in tried),
        "status": _shares([one.status for one in tried]),
        "tasks": {task: _of_task(of_task) for task, of_task in sorted(tasks.items())},
    }


def read_report(run: RunDirectory, wanted: PreflightTable) -> dict[str, Any] | None:
    """The report in a run directory, None unless it is of as many completions as are wanted."""
    if not run.preflight.is_file():
        return None
    found = read_json(run.preflight)
    same = (found["prompts"], found["generations"]) == (wanted.prompts, wanted.generations)
    return found if same else None


def findings(found: Mapping[str, Any], wanted: PreflightTable) -> tuple[Check, ...]:
    """What a report speaks against: an error where nothing can be learnt, warnings else."""
    # A curriculum leaves out what would be flat.
    checks = [] if CURRICULUM in found else _flat_checks(found, wanted)
    cut = found["clipped"]
    if cut >= MANY_CUT:
        message = f"{cut:.0%} of the completions were cut off at grpo.max_completion"
        checks.append(Check("warning", "clipped", message, "allow longer ones"))
    return tuple(checks)


def _flat_checks(found: Mapping[str, Any], wanted: PreflightTable) -> list[Check]:
    flat = found["zero_std_groups"]
    status, share = max(found["status"].items(), key=lambda item: item[1])
    counts = f"{flat:.0%} of the groups earn the same for every completion"
    facts = f"mean reward {found['reward']:.2f}, {share:.0%} of the completions are `{status}`"
    if flat >= wanted.max_flat:
        hint = "train it with --method sft first"
        if status != "ok":
            hint += ", until it gives readable answers"
        if found["accuracy"] == 1:
            hint = "it solves them all: train on harder puzzles"
        return [Check("error", "reward", f"{counts}: {facts}", hint)]
    return [Check("warning", "reward", f"{counts}: {facts}")] if flat >= MANY_FLAT else []


def _of_task(tried: Sequence[Tried]) -> dict[str, Any]:
    return {
        "completions": len(tried),
        "accuracy": fmean(one.is_solved for one in tried),
        "reward": fmean(one.reward for one in tried),
        "shown": [
            {"vtb_id": one.sample_id, "text": one.text, "reward": one.reward, "status": one.status}
            for one in tried[:SHOWN_PER_TASK]
        ],
    }


def _shares(values: Sequence[str]) -> dict[str, float]:
    return {value: count / len(values) for value, count in Counter(values).most_common()}
