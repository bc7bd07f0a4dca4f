"""Scores one target, and shows what was scored: what runs in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vtb.core import registry
from vtb.core.types import Prediction, Sample, Verdict
from vtb.data.store import Dataset, open_dataset
from vtb.eval.baselines import Baseline, make_baseline
from vtb.eval.scores import Score, Target, score_of

SEED = 0
# A worker takes about as long to start as this many samples take to be scored.
MIN_PER_WORKER = 16


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores the targets of one dataset, the baseline's predictions if there is one.

    Small, so that it can travel to a worker with every target; pixels are read there.
    """

    data: Path
    manifest_hash: str
    baseline: Baseline | None = None

    def score(self, target: Target) -> Score:
        """The score of the target's prediction, with that of the family's blind guess."""
        sample = self._sample(target)
        prediction = self._prediction(target, sample)
        verdict = None if prediction is None else self._check(sample, prediction)
        guess = registry.load(sample.instance.generator).baseline("straight", sample, SEED)
        straight = None if guess is None else self._check(sample, guess).passed
        return score_of(target, prediction.kind if prediction else "", verdict, straight)

    def explain(self, target: Target) -> tuple[Sample, Prediction | None, Verdict | None]:
        """What was judged and the verdict, with its overlay."""
        sample = self._sample(target)
        prediction = self._prediction(target, sample)
        if prediction is None:
            return sample, None, None
        return sample, prediction, self._check(sample, prediction, overlay=True)

    def _sample(self, target: Target) -> Sample:
        dataset = _dataset(self.data, self.manifest_hash)
        return dataset.sample(target.sample_id, video=self.baseline == "oracle")

    def _prediction(self, target: Target, sample: Sample) -> Prediction | None:
        if self.baseline is None:
            return target.prediction
        return make_baseline(self.baseline, sample, SEED)

    def _check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        generator = registry.load(sample.instance.generator)
        return generator.check(sample, prediction, overlay=overlay)


def useful_workers(workers: int, samples: int) -> int:
    """How many of the allowed workers are worth starting for that many samples."""
    return max(1, min(workers, samples // MIN_PER_WORKER))


@cache
def _dataset(path: Path, manifest_hash: str) -> Dataset:
    """One open dataset per worker; the hash makes a changed one another."""
    return open_dataset(path)
