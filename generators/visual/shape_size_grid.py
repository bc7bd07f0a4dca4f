"""A grid in which shape is constant along one direction and size along the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import ClassVar, TypeAlias

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import Piece, blank
from .grid import NUM_CELLS, cell_centre, grid_images, moved
from .palette import COLOURS
from .pattern import Deal, Pattern, PatternPuzzle
from .shapes import SHAPES, SIZES, shape

RADII: Mapping[str, float] = dict(zip(SIZES, (0.05, 0.079, 0.112), strict=True))
BLANK_RADIUS = 0.138
# Shapes that are told apart when small.
DISTINCT = tuple(name for name in SHAPES if name not in ("pentagon", "hexagon"))
MAX_TILT_DEG = 20

# Per line and cell, size and shape.
Cells: TypeAlias = Sequence[Sequence[Sequence[str]]]


class ShapeSizeGrid(PatternPuzzle):
    """Which shape of which size is hidden?"""

    name: ClassVar[str] = "visual-shape-size-grid"
    task: ClassVar[str] = "shape_size_grid"
    summary: ClassVar[str] = "name the missing shape and its size"

    def deal(self, rng: Rng) -> Deal:
        shapes, sizes = drawn(rng, DISTINCT)[:3], drawn(rng, SIZES)
        # Two shapes in two sizes: no word of an option is there more often than another.
        combined = [f"{size} {name}" for size, name in product(sizes[:2], shapes[:2])]
        options, answer = choose(rng, combined, self.num_options)
        shapes, sizes = drawn(rng, shapes), drawn(rng, sizes)
        cells = list(product(range(3), range(3)))
        if rng.below(2):
            cells = [(column, row) for row, column in cells]
        pattern = {
            "shapes": [shapes[one] for one, _ in cells],
            "sizes": [sizes[other] for _, other in cells],
            "colour": rng.choice(COLOURS),
        }
        hidden = _names(pattern).index(answer)
        tilt_deg = rng.uniform(-MAX_TILT_DEG, MAX_TILT_DEG)
        return Deal({**pattern, "hidden": hidden}, options, answer, tilt_deg)

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern, tilt_deg = data["pattern"], data["tilt_deg"]
        pieces: list[Piece] = []
        for cell, name in enumerate(_names(pattern)):
            is_hidden = cell == pattern["hidden"]
            if is_hidden and fill is None:
                pieces.extend(blank(*cell_centre(cell), BLANK_RADIUS))
                continue
            size, kind = (fill if is_hidden and fill else name).split(" ")
            figure = shape(kind, *cell_centre(cell), RADII[size], tilt_deg)
            pieces.append(Piece(figure, pattern["colour"], is_hidden))
        return pieces

    def completes(self, pattern: Pattern, option: str) -> bool:
        names = _names(pattern)
        names[pattern["hidden"]] = option
        cells = [name.split(" ") for name in names]
        rows = [cells[i : i + 3] for i in (0, 3, 6)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        return _is_regular(rows, columns) or _is_regular(columns, rows)

    def rivals(self, data: Mapping[str, Json]) -> Sequence[str]:
        """The options' shapes in the third size, and the third shape in all sizes."""
        shapes = dict.fromkeys(data["pattern"]["shapes"])
        names = [f"{size} {name}" for size, name in product(SIZES, shapes)]
        return [name for name in names if name not in data["options"]]

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        for image in grid_images():
            yield {
                **pattern,
                "shapes": moved(pattern["shapes"], image),
                "sizes": moved(pattern["sizes"], image),
                "hidden": image.index(pattern["hidden"]),
            }

    def num_patterns(self) -> int:
        shapes, sizes = math.perm(len(DISTINCT), 3), math.factorial(len(SIZES))
        return 2 * shapes * sizes * len(COLOURS) * NUM_CELLS


def _names(pattern: Pattern) -> list[str]:
    """What lies in each cell, as options call it."""
    both = zip(pattern["sizes"], pattern["shapes"], strict=True)
    return [f"{size} {name}" for size, name in both]


def _is_regular(lines: Cells, across: Cells) -> bool:
    """Whether every line has one shape, and every line across it one size."""
    shapes = [{name for _, name in line} for line in lines]
    sizes = [{size for size, _ in line} for line in across]
    return all(len(values) == 1 for values in (*shapes, *sizes))
