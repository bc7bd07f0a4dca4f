"""The self-check of a dataset: every truth passes its verifier, every corruption fails it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vtb.core import registry
from vtb.core.files import sha256_file
from vtb.core.generator import make_instance
from vtb.core.splits import SplitRule
from vtb.core.types import Content, Prediction, Reason, Sample
from vtb.data.card import relist_shards
from vtb.data.clips import stored_facts
from vtb.data.request import split_rule
from vtb.data.rows import Row, sample_from_row
from vtb.data.shards import Shard, read_manifest, write_manifest
from vtb.data.store import Dataset
from vtb.run.executor import map_ordered
from vtb.run.lock import output_lock
from vtb.run.progress import progress

IDS_PER_JOB = 8
SHOWN_FAILURES = 20
FPS = 16


@dataclass(frozen=True, slots=True)
class Failure:
    """A truth that did not pass or a corruption that did."""

    id: str
    reason: str


@dataclass(slots=True)
class Report:
    """Outcome of `verify`; `corruptions` maps a name to how many were tried and rejected."""

    path: str
    n: int = 0
    passed: int = 0
    corruptions: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    bad_shards: list[str] = field(default_factory=list[str])
    good_shards: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything that was checked held."""
        return not self.failures and not self.bad_shards

    def payload(self) -> dict[str, Any]:
        """The JSON of `vtb data verify`."""
        return {
            "path": self.path,
            "n": self.n,
            "ok": self.ok,
            "truths": {"passed": self.passed, "failed": self.n - self.passed},
            "corruptions": {
                name: {"n": count["n"], "rejected": count["rejected"]}
                for name, count in sorted(self.corruptions.items())
            },
            "shards": {"ok": self.good_shards, "bad": len(self.bad_shards)},
            "failures": [asdict(failure) for failure in self.failures[:SHOWN_FAILURES]],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class _Job:
    """A few samples of one shard, so that a worker opens no other."""

    path: Path
    shard: Shard
    ids: Sequence[str]
    corruptions: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one sample showed: failed truths, and per corruption whether it was rejected."""

    id: str
    failed_truths: Sequence[str]
    rejected: dict[str, bool]


def verify(
    dataset: Dataset,
    *,
    limit: int | None = None,
    corruptions: bool = True,
    repair: bool = False,
    workers: int = 1,
) -> Report:
    """Checks shard hashes, then every truth as text, image and decoded video.

    `repair` removes shards whose hash is wrong; the same `vtb gen` makes them again. Only sound
    shards are opened.
    """
    start = time.monotonic()
    report = Report(str(dataset.path))
    sound = tuple(shard for shard in dataset.shards if _is_sound(dataset.path, shard))
    report.good_shards = len(sound)
    report.bad_shards = [shard.file for shard in dataset.shards if shard not in sound]
    if repair and report.bad_shards:
        _drop(dataset.path, report.bad_shards)
    if sound:
        readable = Dataset(dataset.path, sound)
        for outcome in _outcomes(readable, limit, corruptions, workers):
            _add(report, outcome)
    report.seconds = time.monotonic() - start
    return report


def _outcomes(
    dataset: Dataset, limit: int | None, corruptions: bool, workers: int
) -> Iterator[_Outcome]:
    jobs = list(_jobs(dataset, limit, corruptions))
    total = sum(len(job.ids) for job in jobs)
    checking = closing(map_ordered(_check, jobs, workers=min(workers, len(jobs))))
    with checking as results, progress("verifying", total) as advance:
        for outcomes in results:
            yield from outcomes
            advance(len(outcomes))


def _jobs(dataset: Dataset, limit: int | None, corruptions: bool) -> Iterator[_Job]:
    left = dataset.count() if limit is None else limit
    for shard in dataset.shards:
        ids = Dataset(dataset.path, (shard,)).ids(limit=left)
        left -= len(ids)
        for i in range(0, len(ids), IDS_PER_JOB):
            yield _Job(dataset.path, shard, ids[i : i + IDS_PER_JOB], corruptions)


def _check(job: _Job) -> list[_Outcome]:
    dataset = Dataset(job.path, (job.shard,))
    return [_outcome(dataset, name, job.corruptions) for name in job.ids]


def _outcome(dataset: Dataset, name: str, corruptions: bool) -> _Outcome:
    row = dataset.row(name)
    sample = sample_from_row(row, pixels=True, video=True)
    generator = registry.load(sample.instance.generator)
    verdicts = {truth.kind: generator.check(sample, truth) for truth in _truths(sample)}
    rejected: dict[str, bool] = {}
    if corruptions:
        for kind, prediction in generator.corruptions(sample):
            verdict = generator.check(sample, _encoded(prediction))
            # One that cannot even be read shows nothing about the verifier.
            is_rejected = not verdict.passed and verdict.reason is not Reason.UNREADABLE
            rejected[kind] = rejected.get(kind, True) and is_rejected
    failed = [f"truth as {kind}: {v.reason}" for kind, v in verdicts.items() if not v.passed]
    failed += _identity_faults(sample, row, split_rule(dataset.path))
    return _Outcome(name, failed, rejected)


def _truths(sample: Sample) -> Iterator[Prediction]:
    """The sample's own answer, in every form it has."""
    from vtb.core.answers import wrap

    yield Prediction(sample.id, "text", text=wrap(sample.answer))
    yield Prediction(sample.id, "image", content=sample.solution)
    if sample.video is not None:
        yield Prediction(sample.id, "video", content=sample.video)


def _encoded(prediction: Prediction) -> Prediction:
    """A clip as a model's would arrive: through the codec."""
    from vtb.media.video import encode

    frames = prediction.content
    if prediction.kind != "video" or frames is None or isinstance(frames, bytes):
        return prediction
    num_frames, height, width = frames.shape[:3]
    clip = encode(frames, num_frames=num_frames, height=height, width=width, fps=FPS)
    return replace(prediction, content=clip)


def _identity_faults(sample: Sample, row: Row, rule: SplitRule) -> list[str]:
    """What a row says of itself and its own content denies."""
    stored = sample.instance
    content = Content(stored.data, stored.solution, stored.difficulty)
    drawn = make_instance(
        registry.load(stored.generator),
        content,
        config=stored.config,
        style=stored.style,
        seed=stored.seed,
        index=stored.index,
    )
    faults: list[str] = []
    if {drawn.fingerprint} != {stored.fingerprint, row["fingerprint"]}:
        faults.append("fingerprint is not that of the content")
    if drawn.canonical != stored.canonical or rule.of(drawn.canonical) != row["split"]:
        faults.append(f"split {row['split']} is not that of the content")
    facts = stored_facts(row)
    if facts and not (sample.video and facts.describes(sample.video)):
        faults.append("form or hash is not that of the video")
    return faults


def _add(report: Report, outcome: _Outcome) -> None:
    report.n += 1
    report.passed += not outcome.failed_truths
    report.failures += [Failure(outcome.id, t) for t in outcome.failed_truths]
    for name, rejected in outcome.rejected.items():
        count = report.corruptions.setdefault(name, Counter())
        count["n"] += 1
        count["rejected"] += rejected
        if not rejected:
            report.failures.append(Failure(outcome.id, f"corruption {name} passed"))


def _is_sound(path: Path, shard: Shard) -> bool:
    file = path / shard.file
    return file.is_file() and sha256_file(file) == shard.sha256


def _drop(path: Path, files: Sequence[str]) -> None:
    with output_lock(path):
        kept = [shard for shard in read_manifest(path) if shard.file not in files]
        relist_shards(path, kept)
        write_manifest(path, kept)
        for name in files:
            (path / name).unlink(missing_ok=True)
