"""Which square mazes to draw."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vtb.core.config import Config
from vtb.core.errors import UsageError

from .carve import Algorithm

MAX_SIDE = 401


class SquareConfig(Config):
    """What mazes to draw: `rows` x `cols` blocks, walls included, so both are odd.

    `braid_share` is the share of dead ends that `braid` opens. With `corners` the path runs from
    the top-left to the bottom-right room, and `dfs` starts carving there; otherwise both are
    random. `min_path` and `max_path` bound the number of rooms on the path, ends included.
    """

    rows: int = 9
    cols: int = 9
    algorithm: Algorithm = "wilson"
    braid_share: float = Field(default=0.5, ge=0, le=1)
    endpoints: Literal["random", "corners"] = "random"
    min_path: int = Field(default=3, ge=2)
    max_path: int | None = None

    @model_validator(mode="after")
    def _sides(self) -> Self:
        for flag, side in (("rows", self.rows), ("cols", self.cols)):
            if not 5 <= side <= MAX_SIDE or side % 2 == 0:
                raise _wrong_side("--size " if self.rows == self.cols else f"-s {flag}=", side)
        return self

    @model_validator(mode="after")
    def _path_band(self) -> Self:
        rooms = (self.rows // 2) * (self.cols // 2)
        if self.min_path > rooms:
            raise UsageError(
                f"`--min-path {self.min_path}` is longer than the maze",
                fact=f"{self.rows}x{self.cols} blocks have {rooms} rooms",
                hint=f"--min-path {rooms // 2} or less, or a larger --size",
            )
        if self.max_path is not None and self.max_path < self.min_path:
            raise UsageError(
                f"`--max-path {self.max_path}` is below `--min-path {self.min_path}`",
                fact="both count rooms, ends included; --min-path is 3 unless given",
                hint=f"--max-path {self.min_path} or more",
            )
        return self


def _wrong_side(flag: str, side: int) -> UsageError:
    inside = min(max(side, 5), MAX_SIDE)
    near = {inside} if inside % 2 else {inside - 1, inside + 1}
    wrong = "too large" if side > MAX_SIDE else "too small" if side < 5 and side % 2 else "even"
    return UsageError(
        f"`{flag}{side}` is {wrong}",
        fact=f"square mazes count wall blocks too, so both sides are odd, from 5 to {MAX_SIDE}",
        hint=" or ".join(f"{flag}{n}" for n in sorted(near)),
    )
