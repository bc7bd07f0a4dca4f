"""Intervals for shares of passed samples; nothing to count gives None, never 0."""

from __future__ import annotations

import math
from typing import NamedTuple

Z_95 = 1.959963984540054


class Interval(NamedTuple):
    """A confidence interval of a share, within [0, 1]."""

    low: float
    high: float


def share(passed: int, n: int) -> float | None:
    """`passed / n`, or None when nothing was counted."""
    return passed / n if n else None


def wilson(passed: int, n: int, z: float = Z_95) -> Interval | None:
    """Wilson score interval of a binomial share, 95 % by default (Wilson 1927)."""
    if n == 0:
        return None
    p = passed / n
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if passed == 0 else (centre - spread) / scale
    high = 1.0 if passed == n else (centre + spread) / scale
    return Interval(low, high)


def centred(accuracy: float | None, chance: float) -> float | None:
    """Accuracy on a scale where guessing is 0 and perfection 1; None where chance is certain."""
    if accuracy is None or chance >= 1:
        return None
    return (accuracy - chance) / (1 - chance)
