"""Phase one of a build: which attempt of which index becomes a sample, without any pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vtb.core.errors import CapacityError, UsageError
from vtb.core.splits import BUCKETS, Split
from vtb.core.types import Instance
from vtb.data.capacity import ways_out
from vtb.data.request import Request, Task

ATTEMPTS = 1000
# So many times the capacity of a task are drawn to find its last fresh puzzle, up to a limit.
ATTEMPTS_PER_PUZZLE = 20
MAX_ATTEMPTS = 50_000


@dataclass(frozen=True, slots=True)
class Planned:
    """One accepted draw: `copy` counts earlier samples of the same content."""

    index: int
    attempt: int
    copy: int
    split: Split


def sample_id(instance: Instance, copy: int = 0) -> str:
    """`<task>-<12 hex>`, with `-s<k>` for the k-th further drawing of the same content."""
    suffix = f"-s{copy}" if copy else ""
    return f"{instance.task}-{instance.fingerprint[:12]}{suffix}"


class Planner:
    """Accepts draws in index order, skipping content seen before and other splits' puzzles.

    Feed it the fingerprints of finished samples with `recall`, then plan the next indices.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._samplers = [task.sampler(request.seed) for task in request.tasks]
        self._seen: Counter[str] = Counter()
        share = len(request.rule.buckets(request.split or "all"))
        if not share:
            raise UsageError(f"the split `{request.split}` has no share", hint="see --splits")
        self._attempts = [_attempts(task, share) for task in request.tasks]

    @property
    def unique(self) -> int:
        """Number of distinct fingerprints so far."""
        return len(self._seen)

    def recall(self, fingerprints: Iterable[str]) -> None:
        """Counts samples that exist already."""
        self._seen.update(value[:12] for value in fingerprints)

    def plan(self, indices: Iterable[int]) -> Iterator[Planned]:
        """Yields the accepted draw of each index; raises CapacityError when none is left."""
        for index in indices:
            yield self._accept(index)

    def _accept(self, index: int) -> Planned:
        request = self._request
        task, ordinal = request.place(index)
        for attempt in range(self._attempts[task]):
            instance = self._samplers[task].draw(ordinal, attempt)
            if not request.tasks[task].accepts(instance.difficulty):
                continue
            split = request.rule.of(instance.canonical)
            if split != (request.split or split):
                continue
            key = instance.fingerprint[:12]
            copy = self._seen[key]
            if copy and not request.allow_duplicates:
                continue
            self._seen[key] += 1
            return Planned(index, attempt, copy, split)
        where = f" in the {request.split} split" if request.split else ""
        drawn = f"{self._attempts[task]:,} attempts at index {index}"
        raise CapacityError(
            f"no fresh sample found{where} after {len(self._seen):,} distinct ones",
            fact=f"{drawn} by {_named(request.tasks[task])}",
            hint=ways_out(index),
        )


def _attempts(task: Task, share: int) -> int:
    """How many draws an index gets when `share` of the buckets count."""
    to_find_the_last = ATTEMPTS_PER_PUZZLE * (task.capacity() or 0)
    return max(ATTEMPTS * BUCKETS // share, min(to_find_the_last, MAX_ATTEMPTS))


def _named(task: Task) -> str:
    bands = [f"{key} from {low:g} to {top:g}" for key, (low, top) in task.difficulty.items()]
    return f"{task.generator} with {', '.join(bands)}" if bands else task.generator
