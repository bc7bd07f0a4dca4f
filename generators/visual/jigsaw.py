"""Jigsaw puzzles: put nine square tiles of a picture back into their frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import factorial
from typing import TYPE_CHECKING, ClassVar

from vtb.core.answers import Parsed, parse_int_list
from vtb.core.errors import VtbError
from vtb.core.generator import AnswerKind
from vtb.core.rng import Rng
from vtb.core.types import Content, Instance, Json

from .disc_picture import NUM_TILES, TILES, Disc, DiscPicture, draw_discs, sampled_tiles
from .tile_fit import POINTS, TURNS, is_solvable, min_unlikeness
from .worksheet import Worksheet
from .worksheet_config import WorksheetConfig
from .worksheet_style import WorksheetStyle

if TYPE_CHECKING:
    from .jigsaw_page import JigsawPage

ATTEMPTS = 1000
# The tray's slots, three on the left, below and on the right of the frame, as a mirror swaps them.
MIRRORED_SLOTS = (6, 7, 8, 5, 4, 3, 0, 1, 2)


class JigsawConfig(WorksheetConfig):
    """Tiles lie turned by quarter turns, or all upright without `turned`."""

    turned: bool = True


class Jigsaw(Worksheet[JigsawConfig]):
    """Nine tiles of an abstract picture, shuffled and turned, beside the empty frame.

    `Instance.data` holds the picture's `ground` and `discs`, and for each tile the place `tiles`
    where it belongs (0 to 8 in reading order) and the clockwise quarter `turns` it lies turned by.
    """

    name: ClassVar[str] = "visual-jigsaw"
    task: ClassVar[str] = "jigsaw"
    summary: ClassVar[str] = "put a cut picture together"
    answer_kind: ClassVar[AnswerKind] = "int_list"
    Config = JigsawConfig

    def sample(self, rng: Rng, config: JigsawConfig) -> Content:
        """Draws where the tiles belong, then pictures until one can be put together in one way."""
        tiles = list(range(NUM_TILES))
        rng.shuffle(tiles)
        turns = [rng.below(TURNS) if config.turned else 0 for _ in tiles]
        for _ in range(ATTEMPTS):
            picture = draw_discs(rng)
            if is_solvable(picture):
                data = {
                    "canvas": self.canvas(config),
                    "ground": picture.ground,
                    "discs": [list(disc) for disc in picture.discs],
                    "tiles": tiles,
                    "turns": turns,
                }
                solution = [tiles.index(place) + 1 for place in range(NUM_TILES)]
                return Content(data, solution, _difficulty(picture, turns))
        raise VtbError(f"no solvable picture in {ATTEMPTS} attempts")

    def identity(self, data: Mapping[str, Json]) -> bytes:
        return next(self.symmetries(data))

    def symmetries(self, data: Mapping[str, Json]) -> Iterator[bytes]:
        """The puzzle and its mirror image; turned, it would not be bright at the top."""
        picture = picture_of(data)
        yield _bytes(picture, data["tiles"], data["turns"])
        tiles = [data["tiles"][slot] for slot in MIRRORED_SLOTS]
        turns = [-data["turns"][slot] % TURNS for slot in MIRRORED_SLOTS]
        mirrored = [place + TILES - 1 - 2 * (place % TILES) for place in tiles]
        yield _bytes(picture.flipped(), mirrored, turns)

    def capacity(self, config: JigsawConfig) -> int | None:
        """None: more than anyone draws; how many pictures are solvable is not known."""
        return None

    def chance(self, config: JigsawConfig) -> float:
        """Of an order of nine numbers drawn at random."""
        return 1 / factorial(NUM_TILES)

    def columns(self) -> tuple[str, ...]:
        return ("image_vlm",)

    def parse(self, text: str) -> Parsed:
        return parse_int_list(text)

    def solution_of(self, instance: Instance, values: Sequence[int]) -> Json:
        return list(values)

    def page(self, instance: Instance, style: WorksheetStyle) -> JigsawPage:
        from .jigsaw_page import JigsawPage

        return JigsawPage(picture_of(instance.data), instance.data, style)


def picture_of(data: Mapping[str, Json]) -> DiscPicture:
    """The whole picture of stored content."""
    return DiscPicture(data["ground"], [Disc(*disc) for disc in data["discs"]])


def _bytes(picture: DiscPicture, tiles: Sequence[int], turns: Sequence[int]) -> bytes:
    return repr((picture.ground, [tuple(d) for d in picture.discs], [*tiles], [*turns])).encode()


def _difficulty(picture: DiscPicture, turns: Sequence[int]) -> dict[str, float]:
    """How many tiles lie turned, and how unlike the two most similar ones are (0 to 1)."""
    return {
        "tiles": float(len(turns)),
        "turned": float(sum(turn != 0 for turn in turns)),
        "unlikeness": round(min_unlikeness(sampled_tiles(picture, POINTS)), 4),
    }
