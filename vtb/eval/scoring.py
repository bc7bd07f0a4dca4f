"""Scores one target, and shows what was scored: what runs in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from vtb.core.types import Prediction, Sample, Verdict
from vtb.data import judging
from vtb.data.source import SampleSource, open_source
from vtb.eval import videothinkbench
from vtb.eval.baselines import Baseline, make_baseline
from vtb.eval.scores import Score, Target, score_of

Rule = Literal["vtb", "videothinkbench"]

SEED = 0
# A worker takes about as long to start as this many samples take to be scored.
MIN_PER_WORKER = 16


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores the targets of one source, the baseline's predictions if there is one.

    `vtb` is the rule of each sample's generator, `videothinkbench` that of the benchmark, beside
    which ours is asked as well. A judge is small, so that it can travel to a worker with every
    target; pixels are read there.
    """

    data: Path
    manifest_hash: str
    baseline: Baseline | None = None
    rule: Rule = "vtb"

    def score(self, target: Target) -> Score:
        """The score of the target's prediction, with that of the family's blind guess."""
        sample = self._sample(target)
        prediction = self._prediction(target, sample)
        guess = judging.baseline("straight", sample, SEED)
        straight = None if guess is None else self._check(sample, guess).passed
        if prediction is None:
            return score_of(target, "", None, straight)
        verdict = self._check(sample, prediction)
        is_ours = self.rule == "vtb"
        passed_vtb = None if is_ours else judging.check(sample, prediction).passed
        return score_of(target, prediction.kind, verdict, straight, passed_vtb)

    def explain(self, target: Target) -> tuple[Sample, Prediction | None, Verdict | None]:
        """What was judged and the verdict, with its overlay if the rule draws one."""
        sample = self._sample(target)
        prediction = self._prediction(target, sample)
        if prediction is None:
            return sample, None, None
        return sample, prediction, self._check(sample, prediction, overlay=True)

    def _sample(self, target: Target) -> Sample:
        source = _source(self.data, self.manifest_hash)
        return source.sample(target.sample_id, video=self.baseline == "oracle")

    def _prediction(self, target: Target, sample: Sample) -> Prediction | None:
        if self.baseline is None:
            return target.prediction
        return make_baseline(self.baseline, sample, SEED)

    def _check(self, sample: Sample, prediction: Prediction, *, overlay: bool = False) -> Verdict:
        if self.rule == "videothinkbench":
            return videothinkbench.check(sample, prediction)
        return judging.check(sample, prediction, overlay=overlay)


def useful_workers(workers: int, samples: int) -> int:
    """How many of the allowed workers are worth starting for that many samples."""
    return max(1, min(workers, samples // MIN_PER_WORKER))


@cache
def _source(path: Path, manifest_hash: str) -> SampleSource:
    """One open source per worker; the hash makes a changed one another."""
    return open_source(path)
