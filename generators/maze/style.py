"""How mazes look."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vtb.core.config import Colour, Config, Side

# What the verifier can still tell apart after lossy encoding: a red within 15 degrees of hue on
# surfaces that are not, and an end that was painted over.
MAX_PATH_TILT = 0.25
MAX_SURFACE_REDNESS = 20
MIN_END_CONTRAST = 130

# The thinnest wall the verifier was tried on.
MIN_WALL_PX = 6


class MazeStyle(Config):
    """Colours (RGB, 0 to 255) and the canvas (height, width) of a maze.

    `path_width` is a share of the cell's size. `endpoints` draws both ends in the `start` colour,
    or the goal in its own.
    """

    canvas: tuple[Side, Side] | None = None
    background: Colour = (0, 0, 0)
    wall: Colour = (0, 0, 0)
    corridor: Colour = (255, 255, 255)
    start: Colour = (220, 30, 30)
    goal: Colour = (30, 160, 60)
    path: Colour = (220, 30, 30)
    ids: Colour = (0, 0, 255)
    path_width: float = Field(default=1 / 3, ge=0.15, le=0.5)
    endpoints: Literal["same", "two-colour"] = "same"

    @property
    def goal_colour(self) -> Colour:
        """The colour the goal is drawn in."""
        return self.start if self.endpoints == "same" else self.goal

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        if luma(self.wall) > 60 or luma(self.background) > 60 or luma(self.corridor) < 190:
            raise ValueError("walls and background must be dark, corridors bright")
        red, green, blue = self.path
        tilt = abs(green - blue) / max(1, red - min(green, blue))
        if red < 170 or red - max(green, blue) < 130 or tilt > MAX_PATH_TILT:
            raise ValueError("the path must be a strong red: the verifier looks for red")
        surfaces = (self.corridor, self.wall, self.background)
        if any(colour[0] - max(colour[1:]) > MAX_SURFACE_REDNESS for colour in surfaces):
            raise ValueError("nothing but path and ends may be reddish: the verifier looks for red")
        ends = (self.start, self.goal_colour)
        if any(_contrast(end, self.corridor) < MIN_END_CONTRAST for end in ends):
            raise ValueError("the ends must differ clearly from corridors")
        return self


class SquareStyle(MazeStyle):
    """`cell` is the side of a block in px.

    With a `canvas` the blocks become as large as fits it, whatever `cell` says.
    """

    cell: int = Field(default=32, ge=6, le=128)


class CellStyle(MazeStyle):
    """What hexagonal mazes and labyrinths have besides: walls are lines between the cells.

    With a `canvas` the cells become as large as fits it, whatever `cell` says. Without `wall_px`
    the walls follow `cell`.
    """

    cell: int = Field(default=40, ge=1, le=256)
    wall_px: int | None = Field(default=None, ge=MIN_WALL_PX, le=64)
    background: Colour = (16, 16, 16)
    corridor: Colour = (240, 240, 240)


class HexagonStyle(CellStyle):
    """`cell` is the distance from the middle of a cell to its corners in px.

    `light_rim` draws the cells larger than they are, so that a light rim surrounds the outer wall.
    """

    cell: int = Field(default=40, ge=12, le=256)
    path_width: float = Field(default=0.35, ge=0.15, le=0.5)
    light_rim: bool = False


class LabyrinthStyle(CellStyle):
    """`cell` is the width of a ring in px, of which its wall takes `wall_px`.

    A path is never wider than the openings between rings, which are 1.5 `wall_px` wide.
    """

    cell: int = Field(default=48, ge=7, le=256)
    path_width: float = Field(default=0.2, ge=0.12, le=0.35)


def _contrast(a: Colour, b: Colour) -> int:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def luma(colour: Colour) -> float:
    """Brightness of a colour, 0 to 255 (BT.601 weights)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue
