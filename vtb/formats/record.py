"""One sample as every writer of a foreign layout takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtb.core import registry
from vtb.core.errors import UnreadableError
from vtb.core.generator import Generator
from vtb.core.splits import Split
from vtb.core.types import Audience, Instance

# Families whose VideoThinkBench task group has another name.
_TASK_GROUPS = {"visual": "visual_puzzle"}


@dataclass(frozen=True, slots=True)
class Record:
    """A sample with its media still encoded, so that writers copy them byte for byte.

    `puzzle` and `solution` are PNG bytes, as is `reasoning`, the puzzle as a vision-language model
    is shown it, where that differs from `puzzle`. `video` is an MP4; `frames` are PNGs of
    those of its frames that a vision-language model is shown, in layouts that hold them. `prompts`
    are in the language of the export. `id`, `split` and the instance's task are safe as file names.
    """

    id: str
    split: Split
    instance: Instance
    prompts: Mapping[Audience, str]
    answer: str
    puzzle: bytes
    solution: bytes
    reasoning: bytes | None
    video: bytes | None
    frames: Sequence[bytes] = ()

    @property
    def generator(self) -> Generator[Any, Any]:
        """The generator that drew the sample; raises UsageError when it is not installed."""
        return registry.load(self.instance.generator)

    @property
    def task_group(self) -> str:
        """The family under VideoThinkBench's name for it."""
        family = self.generator.family
        return _TASK_GROUPS.get(family, family)

    @property
    def answer_sentence(self) -> str:
        """The answer as VideoThinkBench spells it out for training."""
        return f"Answer: {self.answer}."

    @property
    def shown(self) -> bytes:
        """The picture that a vision-language model is asked about."""
        return self.puzzle if self.reasoning is None else self.reasoning

    def clip(self) -> bytes:
        """The MP4 bytes; raises UnreadableError when the sample has no video."""
        if self.video is None:
            raise UnreadableError(f"sample `{self.id}` has no video")
        return self.video
