"""Guesses that one half of the puzzles teaches for the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vtb.data.offers import Floats, Offers

STEPS = 200
# Keeps the few hundred puzzles of a small set from being learned by heart.
RIDGE = 0.01
# A column that varies less, in its own unit, is constant but for rounding.
FLAT = 1e-9


def learned_across(offers: Offers, learn: Callable[[NDArray[np.bool_]], Floats]) -> Floats:
    """Scores (n, k) of every puzzle, learned from the other half.

    `learn` gives the scores of all puzzles after looking at the answers of the marked ones (n,).
    """
    return np.where(offers.half[:, None], learn(~offers.half), learn(offers.half))


def tenths(values: Floats) -> NDArray[np.intp]:
    """The tenth (n,), 0 to 9, of all values that each belongs to."""
    return np.searchsorted(np.quantile(values, np.arange(0.1, 0.95, 0.1)), values, side="right")


def label_rates(offers: Offers, context: NDArray[np.intp], taught: NDArray[np.bool_]) -> Floats:
    """How often (n, k) a label was right when offered, in the taught puzzles of equal context (n,).

    A label that was never offered there counts as right by chance.
    """
    labels, code = np.unique(offers.labels, return_inverse=True)
    num_labels, k = len(labels), offers.labels.shape[1]
    key = context[:, None] * num_labels + code.reshape(offers.labels.shape)
    cells = (int(context.max()) + 1) * num_labels
    offered = np.bincount(key[taught].ravel(), minlength=cells)
    right = np.bincount(key[taught, offers.right[taught]], minlength=cells)
    return ((right + 1) / (offered + k))[key]


def softmax_scores(offers: Offers, points: Floats, taught: NDArray[np.bool_]) -> Floats:
    """Logits (n, k) of a softmax regression on labels and points (n, k, 2), px.

    It is fitted to the taught puzzles (n,), and sees nothing else of them.
    Two linear parts add up: weights of each label for the arrangement of all markers, and
    weights shared by the labels for the option's own place.
    """
    order = offers.labels.argsort(axis=1, kind="stable")
    right = (order == offers.right[:, None]).astype(float)
    in_order = np.take_along_axis(points, order[..., None], axis=1)
    arrangement, own = _features(in_order, offers.centre, order)
    arrangement = _standardised(arrangement, arrangement[taught])
    own = _standardised(own, own[taught].reshape(-1, own.shape[2]))
    by_label, shared = _fit(arrangement[taught], own[taught], right[taught])
    scores = np.empty_like(right)
    np.put_along_axis(scores, order, arrangement @ by_label + own @ shared, axis=1)
    return scores


def _features(points: Floats, centre: Floats, order: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Of the whole arrangement (n, f), and of each option (n, k, g).

    Positions are taken from the markers' centroid, without which small clusters would all look
    the same. Squares let the fit find distances to that and, by the product, to the centre.
    """
    n, k = order.shape
    centroid = points.mean(axis=1)
    local = points - centroid[:, None]
    offset = centroid - centre
    arrangement = np.concatenate([np.ones((n, 1)), offset, local.reshape(n, -1)], axis=1)
    squares = np.stack([(local**2).sum(axis=2), np.einsum("nkd,nd->nk", local, offset)], axis=2)
    return arrangement, np.concatenate([local, squares, np.eye(k)[order]], axis=2)


def _standardised(values: Floats, like: Floats) -> Floats:
    """Columns with the mean and spread of `like` taken out; a constant column stays."""
    spread = like.std(axis=0)
    varies = spread > FLAT
    return (values - np.where(varies, like.mean(axis=0), 0)) / np.where(varies, spread, 1)


def _fit(arrangement: Floats, own: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Weights (f, k) and (g,) of least cross-entropy, by Nesterov's accelerated descent."""
    n, k, _ = own.shape
    flat = own.reshape(n * k, -1)
    # No curvature exceeds this: that of softmax is at most 1/2 of the features' own.
    curvature = (_largest(arrangement) + _largest(flat)) / (2 * n) + RIDGE
    by_label, shared = np.zeros((arrangement.shape[1], k)), np.zeros(own.shape[2])
    ahead = (by_label, shared)
    for step in range(STEPS):
        wrong = _softmax(arrangement @ ahead[0] + own @ ahead[1]) - right
        slopes = (arrangement.T @ wrong / n, flat.T @ wrong.ravel() / n)
        last = (by_label, shared)
        by_label, shared = (
            at - (slope + RIDGE * at) / curvature for at, slope in zip(ahead, slopes, strict=True)
        )
        momentum = step / (step + 3)
        ahead = (
            by_label + momentum * (by_label - last[0]),
            shared + momentum * (shared - last[1]),
        )
    return by_label, shared


def _largest(rows: Floats) -> float:
    """The square of the largest singular value."""
    return float(np.linalg.norm(rows.T @ rows, 2))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
