"""What is done with the completions of a step besides rewarding them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object

from vtb.core.errors import UnreadableError
from vtb.train.vlm.completions import CompletionLog, completion_rows
from vtb.train.vlm.metrics import mean_by_task

MAX_SHARE = 0.01
# A share of fewer completions than these would mean nothing.
MIN_SEEN = 500

Columns = Mapping[str, Sequence[Any]]


class Rollouts:
    """Logs completions, and counts those with a token that stands for a picture.

    vLLM knows no `suppress_tokens`. With a `forbidden` token in it, a text no longer agrees with
    its pictures, so it earns what an empty one does. `beat` is called at each note; `by_task` has
    the mean score of each task in the last step, over all processes.
    """

    def __init__(
        self, forbidden: Collection[int], log: CompletionLog, beat: Callable[[], None]
    ) -> None:
        self._forbidden, self._log, self._beat = frozenset(forbidden), log, beat
        self._seen, self._found = 0, 0
        self._step, self._scores = 0, list[tuple[str, float]]()
        self.by_task: dict[str, float] = {}

    def readable(self, completions: Sequence[str], columns: Columns) -> list[str]:
        """The completions, empty in place of those with a forbidden token.

        `columns` hold the tokens as `response_token_ids`.
        """
        pairs = zip(completions, columns["response_token_ids"], strict=True)
        return [text if self._forbidden.isdisjoint(ids) else "" for text, ids in pairs]

    def note(
        self, step: int, completions: Sequence[str], columns: Columns, is_cut: Sequence[bool]
    ) -> None:
        """Logs completions of a step, which has more than one call if groups are sampled again.

        Raises UnreadableError when more than 1 % of all so far, counted as at least 500, hold a
        forbidden token.
        """
        self._beat()
        texts = self.readable(completions, columns)
        rows = completion_rows(step, texts, columns, is_cut)
        for row, text, said in zip(rows, texts, completions, strict=True):
            if text != said:
                row |= {"text": said, "status": "malformed"}
        self._log.add(rows)
        self._note_scores(step, columns["vtb_task"], rows)
        self._seen += len(texts)
        self._found += sum(text != said for text, said in zip(texts, completions, strict=True))
        if self._found > MAX_SHARE * max(self._seen, MIN_SEEN):
            raise UnreadableError(
                "the model writes tokens that stand for pictures",
                fact=f"{self._found} of {self._seen} completions hold one",
                hint="name these tokens as `suppress_tokens` in the generation_config.json of the "
                "model, and train with -s rollout.engine=hf",
            )

    def _note_scores(
        self, step: int, tasks: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        scores = [(task, row["parts"]["correct"]) for task, row in zip(tasks, rows, strict=True)]
        if step != self._step:
            self._step, self._scores = step, []
        self._scores += gather_object(scores)
        self.by_task.clear()
        self.by_task.update(mean_by_task(self._scores))
