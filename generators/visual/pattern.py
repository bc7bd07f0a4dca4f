"""What all pattern puzzles share: sampling, fingerprints, prompts, drawing and verdicts.

A task draws a pattern with one hidden place, says of what pieces it is drawn, and which option
completes it; see `color_grid` for a short one.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from vtb.core.errors import VtbError
from vtb.core.frames import FramePlan
from vtb.core.generator import AnswerKind, Generator
from vtb.core.rng import Rng, stream
from vtb.core.types import (
    Content,
    Instance,
    Json,
    Language,
    Option,
    Picture,
    Prediction,
    Rendering,
    Sample,
    Verdict,
)

from .box import Box
from .figures import Piece
from .pattern_config import PatternConfig
from .pattern_style import PatternStyle

Pattern = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Deal:
    """A drawn puzzle: the whole pattern with its hidden place, options as listed, the answer.

    `tilt_deg` turns the drawing, or parts of it, and makes no other puzzle.
    """

    pattern: Pattern
    options: Sequence[str]
    answer: str
    tilt_deg: float = 0.0


class PatternPuzzle(Generator[PatternConfig, PatternStyle]):
    """A regular picture with one hidden place, and options of which exactly one completes it.

    `Instance.data` holds `canvas` [w, h] in px, `pattern` (the completed one, with its hidden
    place), `options` in the order they are listed, `answer`, `tilt_deg`, and `hidden_box`
    [left, top, right, bottom] in px, within which the solution differs from the puzzle.
    """

    family: ClassVar[str] = "visual"
    version: ClassVar[int] = 1
    answer_kind: ClassVar[AnswerKind] = "choice"
    group: ClassVar[str] = "pattern"
    num_options: ClassVar[int] = 4
    Config = PatternConfig
    Style = PatternStyle

    # What a task writes.

    @abstractmethod
    def deal(self, rng: Rng) -> Deal:
        """Draws options and answer first, the answer's place among them with `rng.dealt`."""

    @abstractmethod
    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        """What is drawn, from back to front, with `fill` in the hidden place, or its "?"."""

    @abstractmethod
    def completes(self, pattern: Pattern, option: str) -> bool:
        """Whether the visible part of the pattern, without its hidden value, demands `option`."""

    @abstractmethod
    def num_patterns(self) -> int:
        """How many patterns there are, hidden places told apart, options and tilt not."""

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        """The pattern's mirror images and turned ones that are patterns too, itself first."""
        yield pattern

    def rivals(self, data: Mapping[str, Json]) -> Sequence[str]:
        """Wrong fills beside the options, which a picture may show as well."""
        return ()

    # The contract.

    def sample(self, rng: Rng, config: PatternConfig) -> Content:
        """Draws a puzzle and checks that its answer alone completes the pattern."""
        deal = self.deal(rng)
        completing = [option for option in deal.options if self.completes(deal.pattern, option)]
        if completing != [deal.answer] or len(set(deal.options)) != self.num_options:
            fact = f"{completing} of {deal.options} complete it"
            raise VtbError(f"not only `{deal.answer}` completes the drawn pattern", fact=fact)
        height, width = config.canvas
        data: dict[str, Json] = {
            "canvas": [width, height],
            "pattern": deal.pattern,
            "options": list(deal.options),
            "answer": deal.answer,
            "tilt_deg": round(deal.tilt_deg, 2),
        }
        data["hidden_box"] = list(self._hidden_box(data))
        return Content(data, deal.answer, self._difficulty(data))

    def identity(self, data: Mapping[str, Json]) -> bytes:
        """The pattern and its hidden place: what is seen. Other options make no other puzzle."""
        return _canonical(data["pattern"])

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        return map(_canonical, self.variants(data["pattern"]))

    def capacity(self, config: PatternConfig) -> int | None:
        return self.num_patterns()

    def chance(self, config: PatternConfig) -> float:
        return 1 / self.num_options

    def answer(self, instance: Instance) -> str:
        return str(instance.solution)

    def options(self, instance: Instance) -> Sequence[Option]:
        return [Option(label) for label in instance.data["options"]]

    def prompt_texts(self) -> Mapping[str, Any]:
        return self.data_file("prompts.toml")["pattern"]

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        """The pattern's kind, the question, what is missing, and the options as listed."""
        phrases = self.data_file("prompts.toml")[self.task]
        rng = stream("phrases", instance.fingerprint)
        return {
            "scene": rng.choice(phrases["scene"][language]),
            "question": rng.choice(phrases["question"][language]),
            "missing": phrases["missing"][language],
            "options": ", ".join(instance.data["options"]),
        }

    def styles(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("styles.toml")["pattern"]

    def render(self, instance: Instance, style: PatternStyle, plan: FramePlan) -> Rendering:
        """Draws the puzzle and its solution; the clip fades the hidden place over."""
        from .pattern_drawing import Easel, crossfade

        easel = Easel.of(self, instance.data, style)
        puzzle = easel.puzzle()
        solution = easel.filled(instance.data["answer"], puzzle)
        frames = crossfade(puzzle, solution, easel.box, plan)
        return Rendering(Picture(puzzle), Picture(solution), frames)

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .pattern_verify import check

        return check(self, sample, prediction, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .pattern_corruptions import corruptions

        return corruptions(self, sample)

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        from .pattern_corruptions import baseline

        return baseline(self, name, sample, seed)

    # What is stored beside the drawn puzzle.

    def _hidden_box(self, data: Mapping[str, Json]) -> Sequence[int]:
        fills = [None, *data["options"], *self.rivals(data)]
        hidden = [
            piece.figure for fill in fills for piece in self.pieces(data, fill) if piece.is_hidden
        ]
        return Box.around(hidden, *data["canvas"])

    def _difficulty(self, data: Mapping[str, Json]) -> Mapping[str, float]:
        """`num_options`, `num_visible` pieces of the pattern, `hidden_share` of the canvas."""
        left, top, right, bottom = data["hidden_box"]
        width, height = data["canvas"]
        visible = sum(not piece.is_hidden for piece in self.pieces(data, None))
        return {
            "num_options": float(self.num_options),
            "num_visible": float(visible),
            "hidden_share": round((right - left) * (bottom - top) / (width * height), 4),
        }


def _canonical(pattern: Pattern) -> bytes:
    return json.dumps(pattern, sort_keys=True, separators=(",", ":")).encode()
