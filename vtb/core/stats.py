"""Shares of passed samples and counts of labels; nothing to count gives None, never 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

# Two-sided quantiles of the normal distribution.
Z_95 = 1.959963984540054
Z_99_9 = 3.290526731491894


class Interval(NamedTuple):
    """A confidence interval of a share, within [0, 1]."""

    low: float
    high: float


def share(passed: int, n: int) -> float | None:
    """`passed / n`, or None when nothing was counted."""
    return passed / n if n else None


def wilson(passed: float, n: int, z: float = Z_95) -> Interval | None:
    """Wilson score interval of a binomial share, 95 % by default (Wilson 1927).

    `passed` may hold parts of a pass, as for a guess between equals.
    """
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


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Probability that a chi-square variable of so many degrees of freedom exceeds `statistic`.

    Finite sums: Abramowitz and Stegun, 26.4.4 and 26.4.5.
    """
    if statistic <= 0:
        return 1.0
    half, odd = statistic / 2, degrees % 2
    powers = (i + odd / 2 for i in range(degrees // 2))
    terms = (math.exp(p * math.log(half) - half - math.lgamma(p + 1)) for p in powers)
    return odd * math.erfc(math.sqrt(half)) + sum(terms)


class Paired(NamedTuple):
    """Two results on the same samples; `p` is that of the exact two-sided McNemar test.

    It is the probability of so uneven a split of the `improved + worsened` samples whose verdict
    changed, if either direction were as likely (McNemar 1947, with binomial tails).
    """

    n: int
    improved: int
    worsened: int
    p: float


def paired(before: Mapping[str, bool], after: Mapping[str, bool]) -> Paired:
    """Compares verdicts by sample id; only samples in both count."""
    both = before.keys() & after.keys()
    improved = sum(after[one] and not before[one] for one in both)
    worsened = sum(before[one] and not after[one] for one in both)
    changed = improved + worsened
    tail = sum(math.comb(changed, k) for k in range(min(improved, worsened) + 1))
    return Paired(len(both), improved, worsened, min(1.0, 2 * tail / 2**changed))
