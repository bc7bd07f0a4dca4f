"""Which mazes to draw."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from vtb.core.config import Config
from vtb.core.errors import UsageError

from .carve import Algorithm

MAX_SIDE = 401
MAX_RADIUS = 60
MAX_RINGS, MAX_SEGMENTS = 40, 60


class MazeConfig(Config):
    """What every family can be asked for.

    `braid_share` is the share of dead ends that `braid` opens. `corners` fixes the ends in the
    way of the family, otherwise they are random, as is the room where carving starts. `min_path`
    and `max_path` bound the number of rooms on the path, ends included.
    """

    size_word: ClassVar[str]  # what to change for a larger maze

    algorithm: Algorithm = "wilson"
    braid_share: float = Field(default=0.5, ge=0, le=1)
    endpoints: Literal["random", "corners"] = "random"
    min_path: int = Field(default=3, ge=2)
    max_path: int | None = None

    @property
    @abstractmethod
    def shape(self) -> str:
        """The size in words, as a plural: `9x9 blocks`."""

    @property
    @abstractmethod
    def num_rooms(self) -> int:
        """How many rooms these mazes have."""

    def check_size(self) -> None:
        """Raises UsageError for a size that no maze of the family has."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.check_size()
        if self.min_path > self.num_rooms:
            raise UsageError(
                f"`--min-path {self.min_path}` is longer than the maze",
                fact=f"{self.shape} have {self.num_rooms} rooms",
                hint=f"--min-path {self.num_rooms // 2} or less, or a larger {self.size_word}",
            )
        if self.max_path is not None and self.max_path < self.min_path:
            raise UsageError(
                f"`--max-path {self.max_path}` is below `--min-path {self.min_path}`",
                fact="both count rooms, ends included; --min-path is 3 unless given",
                hint=f"--max-path {self.min_path} or more",
            )
        return self


class SquareConfig(MazeConfig):
    """Mazes of `rows` x `cols` blocks, walls included, so both are odd.

    With `corners` the path runs from the top-left to the bottom-right room, and `dfs` starts
    carving there.
    """

    size_word: ClassVar[str] = "--size"

    rows: int = 9
    cols: int = 9

    @property
    def shape(self) -> str:
        """`9x9 blocks`."""
        return f"{self.rows}x{self.cols} blocks"

    @property
    def num_rooms(self) -> int:
        """The blocks at odd rows and columns."""
        return (self.rows // 2) * (self.cols // 2)

    def check_size(self) -> None:
        """Raises UsageError for a side that is even, too small or too large."""
        for flag, side in (("rows", self.rows), ("cols", self.cols)):
            if not 5 <= side <= MAX_SIDE or side % 2 == 0:
                raise _wrong_side("--size " if self.rows == self.cols else f"-s {flag}=", side)


class HexagonConfig(MazeConfig):
    """Hexagonal mazes whose cells lie at most `radius` steps from the middle.

    With `corners` the path runs from the border to the middle, where `dfs` starts carving.
    """

    size_word: ClassVar[str] = "radius"

    radius: int = Field(default=3, ge=1, le=MAX_RADIUS)

    @property
    def shape(self) -> str:
        """`hexagons of radius 3`."""
        return f"hexagons of radius {self.radius}"

    @property
    def num_rooms(self) -> int:
        """Every cell."""
        return 3 * self.radius * (self.radius + 1) + 1


class LabyrinthConfig(MazeConfig):
    """Labyrinths of `rings` rings around a centre, each of `segments` cells.

    With `corners` the path runs from the outer ring to the centre, where `dfs` starts carving.
    """

    size_word: ClassVar[str] = "number of rings"

    rings: int = Field(default=3, ge=1, le=MAX_RINGS)
    segments: int = Field(default=8, ge=3, le=MAX_SEGMENTS)

    @property
    def shape(self) -> str:
        """`3 rings of 8 segments`."""
        return f"{self.rings} rings of {self.segments} segments"

    @property
    def num_rooms(self) -> int:
        """Every segment, and the centre."""
        return self.rings * self.segments + 1


def _wrong_side(flag: str, side: int) -> UsageError:
    inside = min(max(side, 5), MAX_SIDE)
    near = {inside} if inside % 2 else {inside - 1, inside + 1}
    wrong = "too large" if side > MAX_SIDE else "too small" if side < 5 and side % 2 else "even"
    return UsageError(
        f"`{flag}{side}` is {wrong}",
        fact=f"square mazes count wall blocks too, so both sides are odd, from 5 to {MAX_SIDE}",
        hint=" or ".join(f"{flag}{n}" for n in sorted(near)),
    )
