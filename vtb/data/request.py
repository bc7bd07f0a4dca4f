"""What a dataset is asked to be, and the record of it in the dataset's directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """One generator with its resolved configuration and style, as JSON."""

    generator: str
    version: int
    config: Mapping[str, Json]
    style: Mapping[str, Json]

    @classmethod
    def of(cls, name: str, config: Mapping[str, Any], style: Mapping[str, Any]) -> Task:
        """Resolves defaults; raises UsageError for an unknown generator, key or value."""
        from vtb.core.config import parse

        generator = registry.load(name)
        return cls(
            name,
            generator.version,
            parse(generator.Config, config, f"configuration of {name}").model_dump(mode="json"),
            parse(generator.Style, style, f"style of {name}").model_dump(mode="json"),
        )

    def sampler(self, seed: int) -> Sampler[Any, Any]:
        """The sampler that draws this task's Instances."""
        generator = registry.load(self.generator)
        config = generator.Config.model_validate(self.config)
        return Sampler(generator, config, generator.Style.model_validate(self.style), seed)

    def capacity(self) -> int | None:
        """See `Generator.capacity`."""
        generator = registry.load(self.generator)
        return generator.capacity(generator.Config.model_validate(self.config))


def split_rule(directory: Path) -> SplitRule:
    """The rule by which a dataset was dealt; raises UnreadableError when its record is gone."""
    return SplitRule(**read_json(directory / REQUEST_NAME)["buckets"])


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides the content of a dataset, but for how many samples it has.

    Plan index `i` belongs to task `i % len(tasks)`. With `split`, each index draws until its
    puzzle falls into that split.
    """

    tasks: Sequence[Task]
    seed: int
    plan: FramePlan
    video: bool
    rule: SplitRule = field(default_factory=SplitRule)
    split: Split | None = None
    allow_duplicates: bool = False

    def record(self) -> dict[str, Any]:
        """The request as JSON, as stored in the dataset."""
        return {
            "tasks": [
                {
                    "generator": task.generator,
                    "version": task.version,
                    "config": dict(task.config),
                    "style": dict(task.style),
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
