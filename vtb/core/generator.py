"""The generator contract: four pure methods, and defaults for the rest."""

from __future__ import annotations

import json
import sys
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from vtb.core.config import Config
from vtb.core.errors import UnreadableError, VtbError
from vtb.core.frames import FramePlan
from vtb.core.rng import Rng, Streams, stream
from vtb.core.splits import fingerprint
from vtb.core.types import (
    Array,
    Audience,
    Content,
    Instance,
    Json,
    Language,
    Option,
    Prediction,
    Rendering,
    Sample,
    Verdict,
)

ConfigT = TypeVar("ConfigT", bound=Config)
StyleT = TypeVar("StyleT", bound=Config)
AnswerKind = Literal["letter", "int_list", "choice", "grid"]


class Generator(ABC, Generic[ConfigT, StyleT]):
    """Makes puzzles or scenes with known answers, draws them and judges predictions.

    Generators are stateless. `config` decides the content and is part of the random stream;
    `style` decides the drawing and never changes content or fingerprint.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    task: ClassVar[str]
    summary: ClassVar[str]
    version: ClassVar[int]
    answer_kind: ClassVar[AnswerKind]
    group: ClassVar[str] = ""  # a part of the family that can be asked for by this name
    Config: type[ConfigT]
    Style: type[StyleT]

    # The four that every generator writes.

    @abstractmethod
    def sample(self, rng: Rng, config: ConfigT) -> Content:
        """Draws one puzzle; raises VtbError when the bounded number of attempts is spent."""

    @abstractmethod
    def render(self, instance: Instance, style: StyleT, plan: FramePlan) -> Rendering:
        """Draws the puzzle, its solution and, lazily, the frames between."""

    @abstractmethod
    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        """Judges a prediction. Pure; bad input gives a verdict, never an exception."""

    @abstractmethod
    def capacity(self, config: ConfigT) -> int | None:
        """Number of distinct fingerprints, or a proven upper bound; None when unknown."""

    # Defaults.

    def identity(self, data: Mapping[str, Json]) -> bytes:
        """The content that makes a puzzle this puzzle, as canonical bytes without style."""
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()

    def symmetries(self, data: Mapping[str, Json]) -> Iterable[bytes]:
        """The identities of every symmetric variant, the puzzle's own first."""
        return (self.identity(data),)

    def answer(self, instance: Instance) -> str:
        """The `answer` column: the solution in the family's answer grammar."""
        return json.dumps(instance.solution)

    def prompts(self, instance: Instance, audience: Audience, language: Language) -> str:
        """The prompt for an audience: one of the paraphrases in the family's `prompts.toml`.

        The variant is drawn from the content's fingerprint, so a restyled puzzle keeps it.
        """
        variants = self.prompt_texts()[audience][language]
        text = stream("prompt", instance.fingerprint, audience).choice(variants)
        return text.format_map(self.prompt_values(instance, language)).strip()

    def prompt_texts(self) -> Mapping[str, Any]:
        """The paraphrases by audience and language, three or more each."""
        return self.data_file("prompts.toml")[self.task]

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        """Values for the placeholders of the prompt texts; must not give the answer away."""
        return {}

    def styles(self) -> Mapping[str, Mapping[str, Any]]:
        """Named drawing styles: the task's tables in the family's `styles.toml`."""
        return self.data_file("styles.toml").get(self.task, {})

    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Named settings from the family's `presets.toml`: `config`, `style` (its name), `note`."""
        return self.data_file("presets.toml").get(self.task, {})

    def data_file(self, name: str) -> Mapping[str, Any]:
        """A TOML file beside the generator's module; {} when there is none."""
        return _data_file(Path(sys.modules[type(self).__module__].__file__ or "").with_name(name))

    def solution_key(self, instance: Instance) -> str:
        """What two puzzles with the same solution share, for counting overlaps."""
        return f"{self.task} {json.dumps(instance.solution)}"

    def options(self, instance: Instance) -> Sequence[Option]:
        """The answers offered, in stored order, one of them right; empty for an open question."""
        return ()

    def columns(self) -> tuple[str, ...]:
        """Names of extra image columns, which `render` fills in `Rendering.extra`."""
        return ()

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        """What VideoThinkBench's `data.json` records of this task besides the common fields."""
        return {}

    def from_videothinkbench(
        self, fields: Mapping[str, Json], puzzle: Array
    ) -> tuple[Content, Mapping[str, Json]]:
        """The puzzle that a record of VideoThinkBench's `data.json` describes, and its style.

        `puzzle` is its picture, RGB uint8 (H, W, 3), from which comes what the record leaves out.
        Raises UnreadableError when the record does not hold a puzzle of this task.
        """
        raise UnreadableError(f"VideoThinkBench's records of `{self.task}` cannot be read")

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        """Named predictions that must fail, each made from the sample's own truth."""
        return iter(())

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        """The prediction of a family-specific baseline, or None when it has none of that name."""
        return None

    def chance(self, config: ConfigT) -> float:
        """Expected accuracy of guessing."""
        return 0.0


@cache
def _data_file(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def make_instance(
    generator: Generator[Any, Any],
    content: Content,
    *,
    config: Mapping[str, Json],
    style: Mapping[str, Json],
    seed: int,
    index: int,
) -> Instance:
    """Wraps drawn content with its origin and fingerprints."""
    head = generator.task.encode() + b"\0"
    variants = list(generator.symmetries(content.data))  # the puzzle's own first
    return Instance(
        generator=generator.name,
        version=generator.version,
        task=generator.task,
        config=config,
        seed=seed,
        index=index,
        data=content.data,
        solution=content.solution,
        difficulty=content.difficulty,
        fingerprint=fingerprint(head + variants[0]),
        canonical=fingerprint(head + min(variants)),
        style=style,
    )


class Sampler(Generic[ConfigT, StyleT]):
    """Draws the Instances of one (generator, config, style, seed) by plan index and attempt."""

    def __init__(
        self, generator: Generator[ConfigT, StyleT], config: ConfigT, style: StyleT, seed: int
    ) -> None:
        self.generator = generator
        self.config = config
        self.seed = seed
        self._config_json = config.model_dump(mode="json")
        self._style_json = style.model_dump(mode="json")
        self._streams = Streams(generator.name, generator.version, self._config_json, seed)

    def draw(self, index: int, attempt: int) -> Instance:
        """The Instance of one attempt; a VtbError names the task and the index."""
        try:
            content = self.generator.sample(self._streams.rng(index, attempt), self.config)
        except VtbError as error:
            error.fact = f"{error.fact}; {self.generator.task}, index {index}".lstrip("; ")
            raise
        return make_instance(
            self.generator,
            content,
            config=self._config_json,
            style=self._style_json,
            seed=self.seed,
            index=index,
        )
