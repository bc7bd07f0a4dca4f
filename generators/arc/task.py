"""ARC-AGI-2 from the user's own copy of its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np

from vtb.core.frames import FramePlan
from vtb.core.generator import AnswerKind, Generator
from vtb.core.rng import Rng
from vtb.core.types import (
    Content,
    Instance,
    Json,
    Language,
    Prediction,
    Rendering,
    Sample,
    Verdict,
)

from .config import ArcConfig, ArcStyle
from .identity import identity, rule_identities
from .placement import placements
from .reader import Puzzle, read_puzzles


class ArcTask(Generator[ArcConfig, ArcStyle]):
    """Every test pair of a folder of tasks: its output, from the pairs that show the rule.

    `Instance.data` holds `task_id` (the file's name), `test_index`, `train` [{input, output}],
    `test_input` and `test_output`; grids are lists of rows of the numbers 0 to 9.
    """

    name: ClassVar[str] = "arc-agi-2"
    family: ClassVar[str] = "arc"
    task: ClassVar[str] = "arc_agi_2"
    summary: ClassVar[str] = "apply the rule that a few pairs of grids show"
    version: ClassVar[int] = 1
    answer_kind: ClassVar[AnswerKind] = "grid"
    Config = ArcConfig
    Style = ArcStyle

    def sample(self, rng: Rng, config: ArcConfig) -> Content:
        """The pair that is dealt to the plan index, for each further attempt the next in order.

        So as many indices as there are pairs get each once, and an index that may not take its
        own, as it belongs to another split, finds one that is left.
        """
        puzzles = read_puzzles(config.input, config.test_index)
        puzzle = puzzles[(rng.dealt(len(puzzles)) + rng.attempt) % len(puzzles)]
        return Content(puzzle, puzzle["test_output"], _difficulty(puzzle))

    def capacity(self, config: ArcConfig) -> int | None:
        """The number of distinct pairs; None where the folder is not there (any more)."""
        if not Path(config.input).is_dir():
            return None
        return len(read_puzzles(config.input, config.test_index))

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return identity(data)

    def symmetries(self, data: Mapping[str, Json]) -> Iterable[bytes]:
        """The puzzle, then its task's demonstrations turned, mirrored and with colours renamed.

        Splits are chosen by the task, so no rule is in two of them.
        """
        return chain((identity(data),), rule_identities(data))

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        """What the colour numbers are called, and how many pairs show the rule."""
        return {
            "colours": self.data_file("prompts.toml")["colours"][language],
            "count": len(instance.data["train"]),
        }

    def render(self, instance: Instance, style: ArcStyle, plan: FramePlan) -> Rendering:
        from .drawing import render

        return render(instance, style, plan)

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .verify import check

        return check(sample, prediction, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .corruptions import corruptions

        return corruptions(sample)

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        from .corruptions import baseline

        return baseline(name, sample, seed)

    def videothinkbench(self, instance: Instance) -> Mapping[str, Json]:
        """Where the grids lie on the picture, boxes as [left, top, right, bottom] in px."""
        layout = placements(instance.data, ArcStyle.model_validate(instance.style))
        return {
            "placements": [
                {**placement._asdict(), "bbox": list(placement.bbox)}
                for placement in layout.placements
            ],
            "cell_size": layout.cell,
            "test_output": instance.data["test_output"],
        }


def _difficulty(puzzle: Puzzle) -> dict[str, float]:
    given, wanted = np.asarray(puzzle["test_input"]), np.asarray(puzzle["test_output"])
    same_size = given.shape == wanted.shape
    return {
        "input_cells": float(given.size),
        "output_cells": float(wanted.size),
        "colours": float(len(np.unique([*given.flat, *wanted.flat]))),
        "pairs": float(len(puzzle["train"])),
        "same_size": float(same_size),
        "copied_cells": float((given == wanted).mean()) if same_size else 0.0,
    }
