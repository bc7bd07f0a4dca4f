"""Judges a prediction as far as its sample is known."""

from __future__ import annotations

from vtb.core import registry
from vtb.core.types import Prediction, Sample, Verdict
from vtb.data.answer_only import check_answer_only, unreadable


def check(sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
    """The verdict of the sample's generator, or by the answer alone where that is all we have."""
    generator = registry.load(sample.instance.generator)
    if unreadable(sample.instance) is not None:
        return check_answer_only(sample, prediction, generator.answer_kind)
    return generator.check(sample, prediction, overlay=overlay)


def baseline(name: str, sample: Sample, seed: int) -> Prediction | None:
    """The prediction of a family-specific baseline; None when there is none for this sample."""
    if unreadable(sample.instance) is not None:
        return None
    return registry.load(sample.instance.generator).baseline(name, sample, seed)
