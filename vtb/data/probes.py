"""Shortcut guesses: rules that never solve a puzzle and must not do better than chance.

A rule gives every option a score, higher where it would rather guess. Equal scores share the
guess. The list is that of the puzzle specification, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtb.core.stats import chi_square_tail
from vtb.data.learned import label_rates, learned_across, softmax_scores, tenths
from vtb.data.offers import Floats, Offers

# A label is looked at when chance makes it right so often: the rule of thumb for chi-square.
MIN_EXPECTED = 5
# Distances that differ by less, px, are equal but for rounding.
EPSILON = 1e-9
# Variances below this share of the largest are 0 but for rounding.
ROUNDING = 1e-9
# Markers that stray less from their line, as a share of their extent along it, form a row.
MAX_ROW_WIDTH = 0.1


class Tally(NamedTuple):
    """How often a rule was right in `n` guesses, and how often chance is."""

    n: int = 0
    hits: float = 0.0
    by_chance: float = 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.n + other.n, self.hits + other.hits, self.by_chance + other.by_chance)


class Guess(NamedTuple):
    """The scores (m, k) that a rule gives to the options, and the places (m,) of the right ones."""

    name: str
    scores: NDArray[Any]
    right: NDArray[np.intp]


def tally(groups: Iterable[Offers]) -> dict[str, Tally]:
    """How well each rule guesses one task, by the rule's name."""
    found: dict[str, Tally] = {}
    for offers in groups:
        for name, scores, right in guesses(offers):
            n, num_options = scores.shape
            hits = float(credit(scores, right).sum())
            found[name] = found.get(name, Tally()).plus(Tally(n, hits, n / num_options))
    return found


def credit(scores: NDArray[Any], right: NDArray[np.intp]) -> Floats:
    """Chance (m,) that the guess is right: 0 or 1, or its share among equal scores."""
    scores = scores.astype(float)
    best = scores >= scores.max(axis=1, keepdims=True) - EPSILON
    return best[np.arange(len(right)), right] / best.sum(axis=1)


def guesses(offers: Offers) -> Iterator[Guess]:
    """Every rule that applies."""
    rules = dict(by_order(offers.labels))
    if offers.points is not None:
        rules |= by_position(offers.points, offers.centre)
        rules["nearest_ink"] = -_distance(offers.points, offers.ink[:, None])
        yield from by_row(offers.points, offers.right)
    if 0 < offers.half.sum() < len(offers.half):
        rules |= by_learning(offers)
    for name, scores in rules.items():
        yield Guess(name, scores, offers.right)
    yield from by_label(offers)


def by_order(labels: NDArray[np.str_]) -> Mapping[str, Floats]:
    """Rules on stored order and on the length of the labels (n, k)."""
    place = np.broadcast_to(np.arange(labels.shape[1], dtype=float), labels.shape)
    length = np.char.str_len(labels).astype(float)
    return {
        "always_first": -place,
        "always_last": place,
        "longest_option": length,
        "shortest_option": -length,
    }


def by_label(offers: Offers) -> Iterator[Guess]:
    """Always the same label, wherever it is offered."""
    for label in np.unique(offers.labels):
        is_label = offers.labels == label
        offered = is_label.any(axis=1)
        if offered.sum() >= MIN_EXPECTED * offers.labels.shape[1]:
            yield Guess(f"label_{label}", is_label[offered], offers.right[offered])


def by_position(points: Floats, centre: Floats) -> Mapping[str, Floats]:
    """Rules on the positions (n, k, 2) of k > 1 markers and the canvas centres (n, 2), in px."""
    to_centre = _distance(points, centre[:, None])
    to_centroid = _distance(points, points.mean(axis=1, keepdims=True))
    apart = _distance(points[:, :, None], points[:, None])
    mean_apart = apart.sum(axis=2)
    nearest = np.where(np.eye(points.shape[1], dtype=bool), np.inf, apart).min(axis=2)
    x, y = points[..., 0], points[..., 1]
    return {
        "nearest_centre": -to_centre,
        "farthest_centre": to_centre,
        "nearest_centroid": -to_centroid,
        "farthest_centroid": to_centroid,
        "smallest_mean_distance": -mean_apart,
        "largest_mean_distance": mean_apart,
        "smallest_neighbour_distance": -nearest,
        "largest_neighbour_distance": nearest,
        "leftmost": -x,
        "rightmost": x,
        "topmost": -y,
        "bottommost": y,
    }


def by_row(points: Floats, right: NDArray[np.intp]) -> Iterator[Guess]:
    """Rules on the place in a row, from left to right, where the markers (n, k, 2) form one."""
    x, y = np.moveaxis(points - points.mean(axis=1, keepdims=True), -1, 0)
    # The ellipse of second moments: twice its tilt is the angle of (wide, slanted).
    wide, slanted = (x * x - y * y).sum(axis=1), 2 * (x * y).sum(axis=1)
    extent, stretch = (x * x + y * y).sum(axis=1), np.hypot(wide, slanted)
    is_row = extent - stretch <= MAX_ROW_WIDTH**2 * (extent + stretch)
    if not is_row.any():
        return
    tilt = np.arctan2(slanted, wide)[:, None] / 2
    along = (x * np.cos(tilt) + y * np.sin(tilt))[is_row]
    place = along.argsort(axis=1).argsort(axis=1).astype(float)
    middle = -np.abs(place - (points.shape[1] - 1) / 2)
    for name, scores in (("row_first", -place), ("row_middle", middle), ("row_last", place)):
        yield Guess(name, scores, right[is_row])


def by_learning(offers: Offers) -> Mapping[str, Floats]:
    """Rules that one half of the puzzles teaches for the other."""
    contexts = {
        "label_frequency": np.zeros(len(offers.right), np.intp),
        "file_size": tenths(offers.png_bytes),
        "brightness": tenths(offers.brightness),
    }
    rules = {
        name: learned_across(offers, lambda taught, c=context: label_rates(offers, c, taught))
        for name, context in contexts.items()
    }
    points = offers.points
    if points is not None:
        rules["softmax_regression"] = learned_across(
            offers, lambda taught: softmax_scores(offers, points, taught)
        )
    return rules


def label_p(groups: Iterable[Offers]) -> float | None:
    """Chance that labels, each option being right equally often, are as unequal as these or more.

    Pearson's chi-square statistic, in the form that allows other options in every puzzle: the
    counts of right labels against their expectation and covariance. None without a common label.
    """
    blocks = list(groups)
    if not blocks:
        return None
    names = np.unique(np.concatenate([offers.labels.ravel() for offers in blocks]))
    surplus, covariance = np.zeros(len(names)), np.zeros((len(names), len(names)))
    expected = np.zeros(len(names))
    for offers in blocks:
        n, k = offers.labels.shape
        place = np.searchsorted(names, offers.labels)
        offered = np.zeros((n, len(names)))
        np.put_along_axis(offered, place, 1 / k, axis=1)
        expected += offered.sum(axis=0)
        covariance -= offered.T @ offered
        surplus += np.bincount(place[np.arange(n), offers.right], minlength=len(names))
    surplus -= expected
    covariance += np.diag(expected)
    common = expected >= MIN_EXPECTED
    surplus, covariance = surplus[common], covariance[np.ix_(common, common)]
    variances, axes = np.linalg.eigh(covariance)
    # The counts of labels that every puzzle offers add up, so one combination never varies.
    varies = variances > ROUNDING * variances.max(initial=0)
    statistic = ((axes.T @ surplus)[varies] ** 2 / variances[varies]).sum()
    return chi_square_tail(float(statistic), int(varies.sum())) if varies.any() else None


def _distance(a: Floats, b: Floats) -> Floats:
    return np.hypot(*np.moveaxis(a - b, -1, 0))
