"""Triangles around a point, not too flat, too small or too special."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vtb.core.rng import Rng

from .geometry import direction, side_lengths, triangle_angles_deg, triangle_area


@dataclass(frozen=True, slots=True)
class TriangleRule:
    """What a triangle must be like: lengths as shares of the canvas's short side, area likewise.

    No angle may lie in `avoided_deg`.
    """

    side: float
    area: float
    altitude: float
    angles_deg: tuple[float, float]
    avoided_deg: tuple[float, float] | None = None

    def holds(self, corners: Sequence[complex], unit_px: float) -> bool:
        """Whether a triangle in px keeps the rule."""
        sides, area = side_lengths(corners), triangle_area(corners)
        if (
            min(sides) < self.side * unit_px
            or area < self.area * unit_px**2
            or 2 * area / max(sides) < self.altitude * unit_px
        ):
            return False
        angles, (low, high) = triangle_angles_deg(corners), self.angles_deg
        return (
            low <= min(angles)
            and max(angles) <= high
            and not any(self._is_avoided(angle) for angle in angles)
        )

    def _is_avoided(self, angle: float) -> bool:
        return self.avoided_deg is not None and self.avoided_deg[0] < angle < self.avoided_deg[1]


def triangle_by_angles(rng: Rng, circumradius: float, least_deg: float) -> list[complex]:
    """A triangle in any position on a circle around 0, its angles at least `least_deg`."""
    spare = 180 - 3 * least_deg
    first, second = sorted((rng.uniform(0, spare), rng.uniform(0, spare)))
    # A corner's angle is half the arc on the other side.
    arcs = (2 * (least_deg + first), 2 * (least_deg + second - first))
    start = rng.uniform(0, math.tau)
    turns = (0.0, math.radians(arcs[0]), math.radians(arcs[0] + arcs[1]))
    return [circumradius * direction(start + turn) for turn in turns]
