"""What the minor visual puzzles share: a sheet with places, and an answer entered into them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from vtb.core.answers import Parsed
from vtb.core.frames import FramePlan
from vtb.core.generator import Generator
from vtb.core.types import Instance, Json, Picture, Prediction, Rendering, Sample, Verdict

from .worksheet_config import WorksheetConfig
from .worksheet_style import WorksheetStyle

if TYPE_CHECKING:
    from .worksheet_page import Page

SheetConfigT = TypeVar("SheetConfigT", bound=WorksheetConfig)


class Worksheet(Generator[SheetConfigT, WorksheetStyle]):
    """A puzzle whose answer is one value for each place of a drawn sheet.

    Values are whole numbers from 1 on, 0 for a place that stays empty; a `Page` draws any list of
    them and reads it off a picture again, so that solutions, wrong answers and guesses are drawn
    and judged by the same code. `Instance.data` holds `canvas` [w, h] in px.
    """

    family: ClassVar[str] = "visual"
    version: ClassVar[int] = 1
    group: ClassVar[str] = "minor"
    own_size: ClassVar[tuple[int, int]] = (512, 512)  # height, width
    Style = WorksheetStyle

    @abstractmethod
    def page(self, instance: Instance, style: WorksheetStyle) -> Page:
        """The drawn sheet of a puzzle."""

    @abstractmethod
    def parse(self, text: str) -> Parsed:
        """Reads an answer in text form; the value compares with `Instance.solution`."""

    @abstractmethod
    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        """The solution that these values of the places would be, right or wrong."""

    def canvas(self, config: SheetConfigT) -> list[int]:
        """The size [w, h] of a sheet in px."""
        height, width = config.canvas or self.own_size
        return [width, height]

    def styles(self) -> Mapping[str, Mapping[str, Any]]:
        return self.data_file("styles.toml")["worksheet"]

    def answer_of(self, solution: Json) -> str:
        """The text form of a solution."""
        return str(solution)

    def answer(self, instance: Instance) -> str:
        return self.answer_of(instance.solution)

    def render(self, instance: Instance, style: WorksheetStyle, plan: FramePlan) -> Rendering:
        """Draws the empty sheet and the filled one; the clip fills place after place."""
        page = self.page(instance, style)
        solution = page.filled(page.wanted)
        return Rendering(
            puzzle=Picture(page.puzzle),
            solution=Picture(solution),
            frames=page.frames(solution, plan),
            extra={name: Picture(pixels) for name, pixels in page.extra().items()},
        )

    def check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        from .worksheet_check import check

        return check(self, sample, prediction, overlay=overlay)

    def corruptions(self, sample: Sample) -> Iterator[tuple[str, Prediction]]:
        from .worksheet_corruptions import corruptions

        return corruptions(self, sample)

    def baseline(self, name: str, sample: Sample, seed: int) -> Prediction | None:
        from .worksheet_corruptions import baseline

        return baseline(self, name, sample, seed)
