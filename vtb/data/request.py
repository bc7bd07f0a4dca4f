"""What a dataset is asked to be, and the record of it in the dataset's directory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

from vtb.core import registry
from vtb.core.files import read_json
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.splits import Split, SplitRule
from vtb.core.types import Json

# Hidden: before the first shard `datasets` would take a visible JSON file for data.
REQUEST_NAME = ".request.json"


@dataclass(frozen=True, slots=True)
class Task:
    """One generator with its resolved configuration and style, as JSON.

    Of a dataset with several tasks it gets `share` parts. `difficulty` bounds named numbers of
    its puzzles, (lowest, highest).
    """

    generator: str
    version: int
    config: Mapping[str, Json]
    style: Mapping[str, Json]
    share: int = 1
    difficulty: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        config: Mapping[str, Any],
        style: Mapping[str, Any],
        *,
        share: int = 1,
        difficulty: Mapping[str, tuple[float, float]] | None = None,
    ) -> Task:
        """Resolves defaults; raises UsageError for an unknown generator, key or value."""
        from vtb.core.config import parse

        generator = registry.load(name)
        return cls(
            name,
            generator.version,
            parse(generator.Config, config, f"configuration of {name}").model_dump(mode="json"),
            parse(generator.Style, style, f"style of {name}").model_dump(mode="json"),
            share,
            difficulty or {},
        )

    def accepts(self, difficulty: Mapping[str, float]) -> bool:
        """Whether every number that the task bounds is within its bounds, ends included."""
        return all(low <= difficulty[key] <= top for key, (low, top) in self.difficulty.items())

    def sampler(self, seed: int) -> Sampler[Any, Any]:
        """The sampler that draws this task's Instances."""
        generator = registry.load(self.generator)
        config = generator.Config.model_validate(self.config)
        return Sampler(generator, config, generator.Style.model_validate(self.style), seed)

    def capacity(self) -> int | None:
        """See `Generator.capacity`."""
        generator = registry.load(self.generator)
        return generator.capacity(generator.Config.model_validate(self.config))


class Place(NamedTuple):
    """Whose puzzle a plan index is, and its number among that task's own."""

    task: int
    ordinal: int


def split_rule(directory: Path) -> SplitRule:
    """The rule by which a dataset was dealt; raises UnreadableError when its record is gone."""
    return SplitRule(**read_json(directory / REQUEST_NAME)["buckets"])


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides the content of a dataset, but for how many samples it has.

    Plan indices are dealt to the tasks in turn, by their shares, and each task counts its own
    from 0: its puzzles are those that it would have alone. With `split`, each index draws until
    its puzzle falls into that split.
    """

    tasks: Sequence[Task]
    seed: int
    plan: FramePlan
    video: bool
    rule: SplitRule = field(default_factory=SplitRule)
    split: Split | None = None
    allow_duplicates: bool = False

    def place(self, index: int) -> Place:
        """Whose puzzle a plan index is, and the how manieth."""
        shares = self._shares
        turns = _turns(shares)
        rounds, turn = divmod(index, len(turns))
        task, earlier = turns[turn]
        return Place(task, rounds * (shares[task] // gcd(*shares)) + earlier)

    def counts(self, count: int) -> list[int]:
        """How many of the first `count` plan indices are dealt to each task."""
        turns = _turns(self._shares)
        rounds, begun = divmod(count, len(turns))
        whole = Counter(place.task for place in turns)
        part = Counter(place.task for place in turns[:begun])
        return [rounds * whole[i] + part[i] for i in range(len(self.tasks))]

    def columns(self) -> list[str]:
        """The extra image columns of all tasks; a row is null where its own task has none."""
        return sorted({c for task in self.tasks for c in registry.load(task.generator).columns()})

    @property
    def _shares(self) -> tuple[int, ...]:
        return tuple(task.share for task in self.tasks)

    def record(self) -> dict[str, Any]:
        """The request as JSON, as stored in the dataset."""
        return {
            "tasks": [
                {
                    "generator": task.generator,
                    "version": task.version,
                    "config": dict(task.config),
                    "style": dict(task.style),
                    "share": task.share,
                    "difficulty": {key: list(band) for key, band in task.difficulty.items()},
                }
                for task in self.tasks
            ],
            "seed": self.seed,
            "num_frames": self.plan.num_frames if self.video else None,
            "fps": self.plan.fps if self.video else None,
            "buckets": {"test": self.rule.test, "validation": self.rule.validation},
            "split": self.split,
            "allow_duplicates": self.allow_duplicates,
        }


@cache
def _turns(shares: tuple[int, ...]) -> tuple[Place, ...]:
    """One round of dealing: each task as often as its share says, as evenly spread as can be."""
    parts = [share // gcd(*shares) for share in shares]
    dealt = [0] * len(parts)
    turns: list[Place] = []
    for turn in range(1, sum(parts) + 1):
        behind = [
            part * turn - given * sum(parts) for part, given in zip(parts, dealt, strict=True)
        ]
        task = behind.index(max(behind))
        turns.append(Place(task, dealt[task]))
        dealt[task] += 1
    return tuple(turns)
