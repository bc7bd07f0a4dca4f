"""What all eyeballing tasks share: leak-free sampling, fingerprints, prompts and verdicts.

A task writes the figure, its given strokes, the construction, and how far a point is from being
right; see `midpoint` for the shortest one.
"""

from __future__ import annotations

import math
import string
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from vtb.core.errors import VtbError
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
from .geometry import direction, unit
from .identity import dihedral_identities
from .layout import cluster, place, row
from .shapes import Box, Shape, joint_box
from .style import EyeballingStyle

ATTEMPTS = 1000
# Of the short side: how exactly the right option must complete the figure.
MAX_RESIDUAL = 1e-6
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
    Config = EyeballingConfig
    Style = EyeballingStyle

    # What a task writes. Figures are in px, points complex.

    @abstractmethod
    def draft(self, rng: Rng, board: Board) -> Draft | None:
        """Options and a figure for each of them; None when this draw did not work out."""

    @abstractmethod
    def ink(self, figure: Figure, board: Board) -> Sequence[Shape]:
        """The given strokes."""

    @abstractmethod
    def construction(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        """The strokes that show why `target` is right, in the order they are drawn."""

    @abstractmethod
    def residual(self, figure: Figure, point: complex) -> float:
        """How far a point is from completing the figure, px; from the given strokes alone."""

    def framed(self, figure: Figure, target: complex, board: Board) -> Sequence[Shape]:
        """The shapes that must lie within the frame."""
        return [*self.ink(figure, board), *self.construction(figure, target, board)]

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
        letter = rng.dealt(config.options)
        board = Board.of(config, rng.uniform(*config.gap))
        for _ in range(ATTEMPTS):
            draft = self.draft(rng, board)
            if draft is not None and self._is_possible(draft, board):
                content = self._content(rng, draft, board, letter)
                if content is not None:
                    return content
        raise VtbError(
            f"no figure of `{self.task}` found in {ATTEMPTS} attempts",
            fact=f"canvas {board.height}x{board.width}, gap {board.gap:.1f} px",
            hint="a smaller gap or point_radius, or a larger canvas",
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
        return self.data_file("prompts.toml")["eyeballing"]

    def prompt_values(self, instance: Instance, language: Language) -> Mapping[str, object]:
        """The task's phrases, and the letters of the options."""
        phrases = self.data_file("prompts.toml")[self.task]
        letters = [option.label for option in self.options(instance)]
        span = f"{letters[0]}-{letters[-1]}"
        return {**{name: by[language] for name, by in phrases.items()}, "letters": span}

    def styles(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("styles.toml")["eyeballing"]

    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("presets.toml")["eyeballing"]

    def render(self, instance: Instance, style: EyeballingStyle, plan: FramePlan) -> Rendering:
        from .drawing import render

        return render(self, instance, style, plan)

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .verify import check

        return check(self, sample, prediction, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .corruptions import corruptions

        return corruptions(self, sample)

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

    # How a draft becomes a puzzle.

    def _is_possible(self, draft: Draft, board: Board) -> bool:
        """Whether every option could be the right one: its figure fits and covers no marker."""
        radius = complex(board.point_radius, board.point_radius)
        for point in draft.positions:
            corner, opposite = point - radius, point + radius
            marker = Box(corner.real, corner.imag, opposite.real, opposite.imag)
            if not board.frame.contains(marker):
                return False
        targets = draft.positions if draft.answer is None else [draft.positions[draft.answer]]
        for figure, target in zip(draft.figures, targets, strict=True):
            if not board.frame.contains(joint_box(self.framed(figure, target, board))):
                return False
            if self.keeps_clear and not self._is_clear(figure, draft.positions, board):
                return False
        return True

    def _is_clear(self, figure: Figure, markers: Sequence[complex], board: Board) -> bool:
        strokes = self.ink(figure, board)
        return all(s.distance(marker) >= board.clearance for s in strokes for marker in markers)

    def _content(self, rng: Rng, draft: Draft, board: Board, letter: int) -> Content | None:
        """The puzzle whose right option bears the letter; None when another is right as well."""
        right = draft.answer
        if right is None:
            right = letter if draft.in_order else rng.below(board.options)
        figure = to_json(draft.figures[0 if draft.answer is not None else right])
        positions = [to_json(point) for point in draft.positions]
        stored = from_json(figure)
        off = [self.residual(stored, complex(*point)) for point in positions]
        wrong = [value for place, value in enumerate(off) if place != right]
        if off[right] > MAX_RESIDUAL * board.side:
            raise VtbError(f"the right option of `{self.task}` is {off[right]:.2g} px off")
        if min(wrong) < MIN_VIOLATION * board.gap:
            return None
        labels = self._labels(rng, draft, right, letter)
        candidates = [
            {"x": x, "y": y, "label": label}
            for label, (x, y) in sorted(zip(labels, positions, strict=True))
        ]
        data = {
            "canvas": [board.width, board.height],
            "candidates": candidates,
            "answer": string.ascii_uppercase[letter],
            "point_radius": round(board.point_radius, 3),
            "line_width": round(board.line_width, 3),
            "figure": figure,
        }
        distances = [abs(p - draft.positions[right]) for p in draft.positions]
        difficulty = self.difficulty(
            stored, complex(*positions[right]), board, min(wrong), sorted(distances)[1]
        )
        return Content(data, data["answer"], difficulty)

    def _labels(self, rng: Rng, draft: Draft, right: int, letter: int) -> list[str]:
        letters = list(string.ascii_uppercase[: len(draft.positions)])
        if draft.in_order:
            return letters
        wanted = letters.pop(letter)
        rng.shuffle(letters)
        return [*letters[:right], wanted, *letters[right:]]


class ClusterTask(Eyeballing):
    """A figure drawn around its target at 0, with a cluster of options."""

    @abstractmethod
    def figure(self, rng: Rng, board: Board) -> Figure | None:
        """A figure whose right point is 0; None when this draw did not work out."""

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        figure = self.figure(rng, board)
        offsets = None if figure is None else cluster(rng, board)
        if figure is None or offsets is None:
            return None
        extent = joint_box(self.framed(figure, 0j, board))
        return place(rng, board, figure, extent, offsets, in_order=False)


class RowTask(ClusterTask):
    """A figure drawn around its target at 0, with options in a row across the sought line."""

    max_tilt: ClassVar[float]

    @abstractmethod
    def across(self, figure: Figure) -> complex:
        """The direction of the row, before it is tilted by up to `max_tilt` radians."""

    @abstractmethod
    def anchor(self, figure: Figure) -> complex:
        """The point from which the sought line is followed to the row."""

    def difficulty(
        self, figure: Figure, target: complex, board: Board, violation: float, gap: float
    ) -> Mapping[str, float]:
        """Also `angular_gap_deg`: the gap as seen from the anchor."""
        angle = math.degrees(math.atan2(gap, abs(target - self.anchor(figure))))
        numbers = super().difficulty(figure, target, board, violation, gap)
        return {**numbers, "angular_gap_deg": round(angle, 3)}

    def draft(self, rng: Rng, board: Board) -> Draft | None:
        figure = self.figure(rng, board)
        if figure is None:
            return None
        tilt = rng.uniform(-self.max_tilt, self.max_tilt) + math.pi * rng.below(2)
        offsets = row(board, unit(self.across(figure)) * direction(tilt))
        extent = joint_box(self.framed(figure, 0j, board))
        return place(rng, board, figure, extent, offsets, in_order=True)
