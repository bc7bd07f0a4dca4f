"""What all eyeballing tasks share: leak-free sampling, fingerprints, prompts and verdicts.

A task writes the figure, its given strokes, the construction, and how far a point is from being
right; see `midpoint` for the shortest one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from vtb.core.errors import UsageError, VtbError
from vtb.core.frames import FramePlan
from vtb.core.generator import AnswerKind, Generator
from vtb.core.rng import Rng
from vtb.core.types import (
    Array,
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

from .board import Board, Draft, Figure, from_json, to_json
from .config import EyeballingConfig
from .drafting import content_of
from .identity import dihedral_identities
from .shapes import Box, Shape, joint_box
from .style import EyeballingStyle

ATTEMPTS = 4000
# Of the gap: how far every distractor must be off.
MIN_VIOLATION = 0.9


class Eyeballing(Generator[EyeballingConfig, EyeballingStyle]):
    """Marked points of which exactly one completes a construction.

    `Instance.data` holds `canvas` [w, h] in px, `candidates` [{x, y, label}] in order of their
    labels, `answer`, `point_radius`, `line_width` and the `figure` (points [x, y] and lengths).
    """

    family: ClassVar[str] = "eyeballing"
    version: ClassVar[int] = 1
    answer_kind: ClassVar[AnswerKind] = "letter"
    # Whether given strokes must stay clear of the markers; not where options lie on a stroke.
    keeps_clear: ClassVar[bool] = True
    # Which of the family's prompt texts fit.
    prompt_group: ClassVar[str] = "eyeballing"
    # How many options the construction itself has, where that cannot be chosen.
    fixed_options: ClassVar[int | None] = None
    Config = EyeballingConfig
    Style = EyeballingStyle

    # What a task writes. Figures are in px, points complex.

    @abstractmethod
    def draft(self, rng: Rng, board: Board) -> Draft | None:
        """Options and a figure for each of them; None when this draw did not work out.

        Every option can be the right one: its figure lies within the frame and, where it
        `keeps_clear`, off the markers.
        """

    @abstractmethod
    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        """The given strokes."""

    @abstractmethod
    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        """The strokes that show why `target` is right, in the order they are drawn."""

    @abstractmethod
    def residual(self, figure: Figure, point: complex) -> float:
        """How far a point is from completing the figure, from the given strokes alone.

        In px, unless the task says otherwise beside `least_violation`.
        """

    def framed(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        """The shapes that must lie within the frame."""
        return [*self.ink(figure, board), *self.construction(figure, target, board)]

    def least_violation(self, board: Board) -> float:
        """The least residual of a distractor."""
        return MIN_VIOLATION * board.gap

    def veil(self, figure: Figure, board: Board) -> Box | None:
        """A grey box that hides part of the given strokes until the clip lifts it."""
        return None

    def fields(self, figure: Figure) -> Figure:
        """What VideoThinkBench records of the figure."""
        return {}

    def difficulty(
        self, figure: Figure, target: complex, board: Board, violation: float, gap: float
    ) -> Mapping[str, float]:
        """Named numbers; `violation` and `gap` are those of the nearest distractor, px."""
        strokes = self.ink(figure, board)
        box = joint_box(strokes) if strokes else Box(0, 0, 0, 0)
        scale = max(box.right - box.left, box.bottom - box.top)
        return {
            "gap_px": round(gap, 3),
            "gap_rel": round(gap / board.side, 5),
            "violation_min": round(violation, 3),
            "stroke_px": round(board.line_width, 3),
            "point_px": round(board.point_radius, 3),
            "figure_scale": round(scale / board.side, 4),
            "n_strokes": float(len(strokes)),
        }

    # The contract.

    def sample(self, rng: Rng, config: EyeballingConfig) -> Content:
        """Draws the right letter, then options and figures until all of them are possible."""
        if self.fixed_options not in (None, config.options):
            raise UsageError(
                f"`{self.task}` has {self.fixed_options} options, not {config.options}",
                hint=f"-s options={self.fixed_options}",
            )
        letter = rng.dealt(config.options)
        board = Board.of(config, rng.uniform(*config.gap))
        for _ in range(ATTEMPTS):
            draft = self.draft(rng, board)
            if draft is not None:
                content = content_of(self, rng, draft, board, letter)
                if content is not None:
                    return content
        raise VtbError(
            f"no figure of `{self.task}` found in {ATTEMPTS} attempts",
            fact=f"canvas {board.height}x{board.width}, gap {board.gap:.1f} px",
            hint="a smaller gap or point_radius, fewer options, or a larger canvas",
        )

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(self.symmetries(data))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """Answer and geometry to 1/16 px on a canvas of 512, turned and mirrored in eight ways."""
        return dihedral_identities(data)

    def answer(self, instance: Instance) -> str:
        return str(instance.solution)

    def options(self, instance: Instance) -> Sequence[Option]:
        return [Option(c["label"], c["x"], c["y"]) for c in instance.data["candidates"]]

    def capacity(self, config: EyeballingConfig) -> int | None:
        """None: figures vary continuously, and more exist than anyone draws."""
        return None

    def chance(self, config: EyeballingConfig) -> float:
        return 1 / config.options

    def prompt_texts(self) -> Mapping[str, Any]:
        texts = self.data_file("prompts.toml")
        return {**texts["eyeballing"], **texts[self.prompt_group]}

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        """The task's phrases, and the letters of the options."""
        phrases = self.data_file("prompts.toml")[self.task]
        letters = [option.label for option in self.options(instance)]
        words = {name: by[language] for name, by in phrases.items()}
        return {**words, "letters": f"{letters[0]}-{letters[-1]}", "count": len(letters)}

    def styles(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("styles.toml")["eyeballing"]

    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("presets.toml")["eyeballing"]

    def render(self, instance: Instance, style: EyeballingStyle, plan: FramePlan) -> Rendering:
        from .drawing import render

        return render(self, instance, style, plan)

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
        data = instance.data
        config = EyeballingConfig.model_validate(instance.config)
        figure = data["figure"]
        return {
            "margin": round(config.margin * min(data["canvas"])),
            "candidates": data["candidates"],
            "correct_option": data["answer"],
            "point_radius": data["point_radius"],
            "line_width": data["line_width"],
            **({} if figure is None else to_json(self.fields(from_json(figure)))),
        }

    def from_videothinkbench(
        self, fields: Mapping[str, Json], puzzle: Array
    ) -> tuple[Content, Mapping[str, Json]]:
        from .foreign import read_record

        return read_record(fields, puzzle)
