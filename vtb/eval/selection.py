"""Which scored samples a report shows, and the annotated pictures of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeAlias, TypeVar

from vtb.core.files import atomic_write
from vtb.core.types import Picture
from vtb.data.names import sample_file
from vtb.eval.scores import MISSING, Score, Target
from vtb.eval.scoring import Judge, useful_workers
from vtb.media.cards import sample_card
from vtb.media.html import Card
from vtb.media.image import encode_png
from vtb.run.executor import map_ordered

MAX_CARDS = 64
FAILURES_PER_PASS = 3
T = TypeVar("T")
Scored: TypeAlias = tuple[Target, Score]


def score_cards(
    judge: Judge, targets: Sequence[Target], scores: Sequence[Score], *, workers: int = 1
) -> list[Card]:
    """At most 64 cards: three failures, their reasons taking turns, then a pass, and so on.

    Samples without a prediction have no card.
    """
    pairs = zip(targets, scores, strict=True)
    chosen = _choose([pair for pair in pairs if pair[1].reason != MISSING])
    workers = useful_workers(workers, len(chosen))
    return list(map_ordered(partial(_card, judge), chosen, workers=workers))


def save_overlays(
    directory: Path, judge: Judge, targets: Sequence[Target], scores: Sequence[Score], count: int
) -> None:
    """Writes the annotated pictures of the first `count` failures as `<id>.png`."""
    failed = (t for t, s in zip(targets, scores, strict=True) if not s.passed and t.sha256)
    for target in islice(failed, count):
        _, _, verdict = judge.explain(target)
        if verdict is not None and verdict.overlay is not None:
            path = sample_file(directory, target.sample_id, ".png")
            atomic_write(path, encode_png(Picture(verdict.overlay)))


def _choose(scored: Sequence[Scored]) -> list[Scored]:
    passed = [pair for pair in scored if pair[1].passed]
    by_reason: dict[str, list[Scored]] = {}
    for pair in scored:
        if not pair[1].passed:
            by_reason.setdefault(pair[1].reason, []).append(pair)
    failed = _take_turns(list(by_reason.values()))
    groups = [failed[i : i + FAILURES_PER_PASS] for i in range(0, len(failed), FAILURES_PER_PASS)]
    mixed = chain.from_iterable(
        [*(group or []), *([good] if good else [])] for group, good in zip_longest(groups, passed)
    )
    return list(islice(mixed, MAX_CARDS))


def _take_turns(queues: Sequence[Sequence[T]]) -> list[T]:
    return [item for turn in zip_longest(*queues) for item in turn if item is not None]


def _card(judge: Judge, scored: Scored) -> Card:
    target, score = scored
    sample, prediction, verdict = judge.explain(target)
    badge = score.reason.replace("_", " ")
    return sample_card(replace(sample, video=None), prediction, verdict, badge=badge)
