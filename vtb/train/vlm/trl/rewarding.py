"""Our rewards as TRL calls them, with a record of what they were given for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from accelerate.utils import gather_object

from vtb.recipe.vlm import VlmRecipe
from vtb.train.loop.watchdog import Watchdog
from vtb.train.rewards import REWARDS, Completion, Reward, counted, text_of, weights_of
from vtb.train.vlm.completions import CompletionLog, completion_rows
from vtb.train.vlm.metrics import mean_by_task


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
            scored = counted(
                {**columns, "is_truncated": is_cut},
                overlong_filter=self.recipe.grpo.overlong_filter,
            )
            if records:
                self._record(completions, is_cut, scored)
            return [weight * reward for reward in REWARDS[name](completions, **scored)]

        return part

    def _record(
        self, completions: Sequence[Completion], is_cut: Sequence[bool], columns: dict[str, Any]
    ) -> None:
        step = columns["trainer_state"].global_step + 1
        texts = [text_of(completion) for completion in completions]
        rows = completion_rows(step, texts, columns, is_cut)
        tasks: Sequence[str] = columns["vtb_task"]
        everywhere = gather_object([*zip(tasks, rows, strict=True)])
        self.by_task.clear()
        self.by_task.update(
            mean_by_task((task, row["parts"]["correct"]) for task, row in everywhere)
        )
        if self.log is not None:
            self.log.add([row for _, row in everywhere])
