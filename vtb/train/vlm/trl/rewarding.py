"""Our rewards as TRL calls them, with a record of what they were given for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import wraps
from statistics import fmean
from typing import Any

from accelerate.utils import gather_object

from vtb.recipe.vlm import VlmRecipe
from vtb.train.loop.watchdog import Watchdog
from vtb.train.rewards import REWARDS, Completion, Reward, text_of, weights_of
from vtb.train.vlm.completions import CompletionLog, completion_rows


@dataclass(frozen=True, slots=True)
class Rewarding:
    """The rewards of a recipe; completions that do not end with a token of `ends` were cut off.

    Those count as unreadable, unless the recipe leaves them out of the loss anyway. Where there is
    a `log`, it gets every completion; `by_task` gets the last step's mean score of each task.
    """

    recipe: VlmRecipe
    ends: frozenset[int]
    dog: Watchdog
    log: CompletionLog | None
    by_task: dict[str, float] = field(default_factory=dict[str, float])

    def functions(self) -> list[Reward]:
        """One function for each part of the reward, the first of which keeps the record.

        They give what the part counts: TRL has weights, but leaves them out of the sum it logs.
        """
        weights = weights_of(self.recipe.reward)
        first = next(iter(weights))
        return [self._part(name, weight, name == first) for name, weight in weights.items()]

    def _part(self, name: str, weight: float, records: bool) -> Reward:
        @wraps(REWARDS[name])  # the trainer's metrics are under its name
        def part(completions: Sequence[Completion], **columns: Any) -> list[float]:
            self.dog.beat()
            is_cut = [ids[-1] not in self.ends for ids in columns["completion_ids"]]
            if not self.recipe.grpo.overlong_filter:
                columns["is_truncated"] = is_cut
            if records:
                self._record(completions, is_cut, columns)
            return [weight * reward for reward in REWARDS[name](completions, **columns)]

        return part

    def _record(
        self, completions: Sequence[Completion], is_cut: Sequence[bool], columns: dict[str, Any]
    ) -> None:
        step = columns["trainer_state"].global_step + 1
        texts = [text_of(completion) for completion in completions]
        rows = completion_rows(step, texts, columns)
        for row, cut in zip(rows, is_cut, strict=True):
            row["is_truncated"] = cut
        tasks: Sequence[str] = columns["vtb_task"]
        everywhere = gather_object([*zip(tasks, rows, strict=True)])
        self._note_tasks(everywhere)
        if self.log is not None:
            self.log.add([row for _, row in everywhere])

    def _note_tasks(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        scores: defaultdict[str, list[float]] = defaultdict(list)
        for task, row in rows:
            scores[task].append(row["parts"]["correct"])
        self.by_task.clear()
        self.by_task.update({task: fmean(found) for task, found in scores.items()})
