"""Three spiral arms of circles; sizes follow each other in a cycle along every arm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from vtb.core.rng import Rng
from vtb.core.types import Json

from .choosing import choose, drawn
from .figures import INK, Disc, Path, Piece, Point, blank, polar
from .palette import COLOURS
from .pattern import Deal, Pattern, PatternPuzzle
from .shapes import SIZES

NUM_ARMS = NUM_RINGS = 3
RADII: Mapping[str, float] = dict(zip(SIZES, (0.032, 0.053, 0.076), strict=True))
BLANK_RADIUS = 0.084
FIRST_RADIUS, RING_STEP = 0.12, 0.1425
# Where the first arm's first circle lies, and how far arms turn from ring to ring.
FIRST_DEG, SWEEP_DEG = -90, 28
MAX_TILT_DEG = 20
THREAD_STEPS = 24


class SizeCycle(PatternPuzzle):
    """How large is the hidden circle?

    `sizes` are those of the first arm from the inside out, then of the second and the third; from
    arm to arm the cycle starts the same number of places later. `sense` is 1 for arms that turn
    clockwise outwards and -1 for the others.
    """

    name: ClassVar[str] = "visual-size-cycle"
    task: ClassVar[str] = "size_cycle"
    summary: ClassVar[str] = "name the missing size along spiral arms"
    num_options: ClassVar[int] = len(SIZES)

    def deal(self, rng: Rng) -> Deal:
        options, answer = choose(rng, SIZES, self.num_options)
        sizes = rng.choice(_cycles(drawn(rng, SIZES)))
        arm = rng.below(NUM_ARMS)
        place = NUM_RINGS * arm + sizes[NUM_RINGS * arm : NUM_RINGS * (arm + 1)].index(answer)
        pattern = {
            "sizes": sizes,
            "sense": 1 - 2 * rng.below(2),
            "colour": rng.choice(COLOURS),
            "hidden": place,
        }
        return Deal(pattern, options, answer, rng.uniform(-MAX_TILT_DEG, MAX_TILT_DEG))

    def pieces(self, data: Mapping[str, Json], fill: str | None) -> Sequence[Piece]:
        pattern = data["pattern"]
        sense, tilt_deg = pattern["sense"], data["tilt_deg"]
        pieces = [_arm(arm, sense, tilt_deg) for arm in range(NUM_ARMS)]
        for place, size in enumerate(pattern["sizes"]):
            is_hidden = place == pattern["hidden"]
            size = fill if is_hidden else size
            centre = _on_arm(*divmod(place, NUM_RINGS), sense, tilt_deg)
            if size is None:
                pieces.extend(blank(*centre, BLANK_RADIUS))
            else:
                pieces.append(Piece(Disc(*centre, RADII[size]), pattern["colour"], is_hidden))
        return pieces

    def completes(self, pattern: Pattern, option: str) -> bool:
        sizes = list(pattern["sizes"])
        sizes[pattern["hidden"]] = option
        first = sizes[:NUM_RINGS]
        return len(set(first)) == NUM_RINGS and sizes in _cycles(first)

    def variants(self, pattern: Pattern) -> Iterator[Pattern]:
        arms = [pattern["sizes"][i : i + NUM_RINGS] for i in (0, 3, 6)]
        arm, ring = divmod(pattern["hidden"], NUM_RINGS)
        for mirror in (1, -1):
            for turn in range(NUM_ARMS):
                image = [(mirror * i + turn) % NUM_ARMS for i in range(NUM_ARMS)]
                yield {
                    **pattern,
                    "sizes": [size for i in image for size in arms[i]],
                    "sense": mirror * pattern["sense"],
                    "hidden": NUM_RINGS * image.index(arm) + ring,
                }

    def num_patterns(self) -> int:
        cycles = math.factorial(len(SIZES)) * NUM_ARMS
        return cycles * 2 * len(COLOURS) * NUM_ARMS * NUM_RINGS


def _cycles(first: Sequence[str]) -> list[list[str]]:
    """The sizes of all arms, by how many places later each arm starts than the one before."""
    return [
        [first[(ring + later * arm) % NUM_RINGS] for arm in range(NUM_ARMS) for ring in range(3)]
        for later in range(NUM_RINGS)
    ]


def _on_arm(arm: int, ring: float, sense: int, tilt_deg: float) -> Point:
    """A point of an arm, a spiral of Archimedes; circles lie at whole rings."""
    angle = FIRST_DEG + tilt_deg + 360 / NUM_ARMS * arm + sense * SWEEP_DEG * ring
    return polar(0, 0, FIRST_RADIUS + RING_STEP * ring, angle)


def _arm(arm: int, sense: int, tilt_deg: float) -> Piece:
    """The thread from the middle on which the circles of an arm hang."""
    middle = -FIRST_RADIUS / RING_STEP
    rings = [middle + (NUM_RINGS - 1 - middle) * i / THREAD_STEPS for i in range(THREAD_STEPS + 1)]
    return Piece(Path(tuple(_on_arm(arm, ring, sense, tilt_deg) for ring in rings)), INK)
