"""Rewards of reinforcement learning: what one answer to one puzzle is worth.

The verdict is that of the puzzle's generator, as in evaluation and in a dataset's check of itself.
So no reward can be raised without solving more of the puzzle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vtb.core import registry
from vtb.core.answers import BlockStatus, find_block
from vtb.core.errors import UnreadableError
from vtb.core.types import Instance, Prediction, Reason, Sample, Verdict

AnswerStatus: TypeAlias = BlockStatus | Literal["malformed", "ambiguous"]

# What an answer that cannot be read gets, and how far a total may go either way.
UNREAD = -1.0
MAX_TOTAL = 1.1

_UNREAD_REASONS: Mapping[Reason, AnswerStatus] = {
    Reason.NO_ANSWER: "malformed",
    Reason.AMBIGUOUS_ANSWER: "ambiguous",
}


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """How much each part counts.

    Of the tokens beyond `length_budget` (positive), each further budget costs `length_penalty`.
    """

    correct: float = 1.0
    format: float = 0.1
    length_penalty: float = 0.0
    length_budget: int = 1024


@dataclass(frozen=True, slots=True)
class RewardParts:
    """The reward of one text.

    `correct` is the verdict's score, 1 exactly when it passed, or -1 when `status` is not `ok` or
    the text was cut off. `format` is 1 or 0, `length` 0 or less. `total` is in [-1.1, 1.1].
    """

    correct: float
    format: float
    length: float
    total: float
    status: AnswerStatus
    verdict: Verdict


def sample_of(sample_id: str, instance: str) -> Sample:
    """The Sample to judge texts by, without pixels, of the JSON of an Instance.

    Raises UnreadableError when it is none, UsageError when its generator is not installed.
    """
    puzzle = Instance.from_json(instance)
    answer = registry.load(puzzle.generator).answer(puzzle)
    return Sample(sample_id, puzzle, {}, answer)


def score(
    text: str,
    sample: Sample,
    weights: RewardWeights = RewardWeights(),
    *,
    num_tokens: int = 0,
    is_truncated: bool = False,
) -> RewardParts:
    """The reward of a model's whole text, of `num_tokens` tokens; `is_truncated` if it was cut off.

    Deterministic, for any text. Raises UnreadableError for a sample that cannot be scored at all.
    """
    prediction = Prediction(sample.id, "text", text=text)
    verdict = registry.load(sample.instance.generator).check(sample, prediction)
    if verdict.score is None:
        raise UnreadableError(f"`{sample.id}` cannot be judged", fact=str(dict(verdict.details)))
    block = find_block(text)
    status = block.status
    if status == "ok":
        status = _UNREAD_REASONS.get(verdict.reason, "ok")
    correct = verdict.score if status == "ok" and not is_truncated else UNREAD
    format_ = float(status == "ok" and block.is_last)
    length = _length(num_tokens, weights)
    total = weights.correct * correct + weights.format * format_ + length
    clipped = max(-MAX_TOTAL, min(MAX_TOTAL, total))
    return RewardParts(correct, format_, length, clipped, status, verdict)


def _length(num_tokens: int, weights: RewardWeights) -> float:
    excess = max(0, num_tokens - weights.length_budget)
    return -weights.length_penalty * excess / weights.length_budget
