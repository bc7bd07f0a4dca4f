"""Rewards as trainers call them: completions and the columns of their rows in, numbers out.

TRL calls `vtb_correct`, `vtb_format` and `vtb_compat` themselves; the plugin for ms-swift, in
`swift_plugin/`, wraps them in classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from vtb.core.compat_reward import vtb_compat as compat_of
from vtb.core.rewards import RewardParts, sample_of, score
from vtb.recipe.vlm import RewardTable

# A text, or TRL's list of one message whose content is a text or a list of parts.
Completion: TypeAlias = str | Sequence[Mapping[str, Any]]
Reward: TypeAlias = Callable[..., list[float]]
# Several groups of completions; both rewards ask for each of them.
KEPT = 4096


def vtb_correct(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """The verdict's score of each completion, 1 exactly when it passed; -1 when it is unreadable.

    `columns` hold `vtb_id` and `vtb_instance` for each, as exported, and optionally
    `is_truncated`; others are ignored. Raises KeyError when the first two are absent.
    """
    return [parts.correct for parts in parts_of(completions, columns)]


def vtb_format(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 for each completion that ends in one readable answer block, else 0; see `vtb_correct`."""
    return [parts.format for parts in parts_of(completions, columns)]


def vtb_compat(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """VideoThinkBench's published reward by the column `solution`; it can be gamed."""
    texts = map(text_of, completions)
    return [compat_of(text, of) for text, of in zip(texts, columns["solution"], strict=True)]


REWARDS: Mapping[str, Reward] = {
    reward.__name__: reward for reward in (vtb_correct, vtb_format, vtb_compat)
}


def weights_of(table: RewardTable) -> dict[str, float]:
    """The weight of each reward that counts, by the name it has in `REWARDS`."""
    weights = {"vtb_correct": table.correct, "vtb_format": table.format, "vtb_compat": table.compat}
    return {name: weight for name, weight in weights.items() if weight}


def counted(columns: Mapping[str, Any], *, overlong_filter: bool) -> dict[str, Any]:
    """The columns that rewards are made from.

    A filter leaves what was cut off out of the loss, so being cut off is not punished as well.
    """
    hidden = {"is_truncated"} if overlong_filter else set[str]()
    return {name: value for name, value in columns.items() if name not in hidden}


def text_of(completion: Completion) -> str:
    """The text of a completion in either trainer's form."""
    if isinstance(completion, str):
        return completion
    content = completion[0]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def parts_of(
    completions: Sequence[Completion], columns: Mapping[str, Sequence[Any]]
) -> list[RewardParts]:
    """The whole reward of each completion; `columns` are those of `vtb_correct`."""
    truncated = columns.get("is_truncated") or [False] * len(completions)
    rows = zip(completions, columns["vtb_id"], columns["vtb_instance"], truncated, strict=True)
    return [_parts(text_of(said), name, puzzle, bool(cut)) for said, name, puzzle, cut in rows]


@lru_cache(maxsize=KEPT)
def _parts(text: str, sample_id: str, instance: str, is_truncated: bool) -> RewardParts:
    return score(text, _sample(sample_id, instance), is_truncated=is_truncated)


_sample = lru_cache(maxsize=KEPT)(sample_of)
