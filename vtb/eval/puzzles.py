"""Scores a folder of predictions, or a baseline, on a dataset of puzzles: resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vtb.core import registry
from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import atomic_write_json, read_json
from vtb.core.splits import fingerprint, overlap_warnings
from vtb.core.types import Instance
from vtb.data.predictions import Predictions, ReadKind, open_predictions
from vtb.data.source import SampleSource, open_source
from vtb.eval import videothinkbench
from vtb.eval.baselines import Baseline, baseline_key
from vtb.eval.report import Comparison, write_report
from vtb.eval.scores import MISSING, SCORES_NAME, Score, Target, append_score, keep_valid
from vtb.eval.scoring import SEED, Judge, Rule, useful_workers
from vtb.eval.selection import save_overlays, score_cards
from vtb.eval.summary import Missing, summarise
from vtb.run.executor import map_ordered
from vtb.run.lock import output_lock
from vtb.run.progress import progress
from vtb.run.settings import record_settings

SCHEMA = "vtb.eval.puzzles/1"
# Rises when a score would change although the generator, the sample and the prediction do not.
VERSION = 2
RESULTS_NAME = "results.json"
REPORT_NAME = "report.html"
SETTINGS_NAME = "eval.json"
# They may move: a score holds for its sample's drawing and its prediction's content.
PATHS = ("data", "pred")


@dataclass(frozen=True, slots=True)
class PuzzleEval:
    """What to score: predictions in `pred`, or a baseline, on one split of a source.

    `data` is a dataset of ours or a VideoThinkBench folder, all of which counts as `test`.

    `rule` decides what passes: our verifiers, or the benchmark's way of judging, beside which ours
    is reported. `overlays` annotated failures are saved as PNG. `limit` takes the first samples of
    the split.
    """

    data: Path
    out: Path
    pred: Path | None = None
    baseline: Baseline | None = None
    rule: Rule = "vtb"
    split: str = "test"
    kind: ReadKind | Literal["auto"] = "auto"
    missing: Missing = "fail"
    overlays: int = 0
    limit: int | None = None
    workers: int = 1
    force: bool = False

    def settings(self) -> dict[str, Any]:
        """The content of `eval.json`; but for the paths it is the same for every run into `out`."""
        return {
            "data": str(self.data),
            "split": self.split,
            "pred": None if self.pred is None else str(self.pred),
            "baseline": self.baseline,
            "rule": self.rule,
            "kind": self.kind,
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class PuzzleResult:
    """The content of `results.json`; `scored` counts the verdicts of this invocation."""

    results: Mapping[str, Any]
    scored: int
    report: Path
    warnings: Sequence[str] = field(default=())


def evaluate(
    request: PuzzleEval, *, comparisons: Sequence[Comparison] = (), notes: Sequence[str] = ()
) -> PuzzleResult:
    """Scores what is not scored yet and writes results and report into `request.out`.

    `comparisons` are other results to show beside, `notes` sentences to say in the report. Raises
    UnreadableError for data or a folder that cannot be used, UsageError for an empty split,
    ConflictError when `out` holds scores of something else or of more samples, LockedError when
    it is in use.
    """
    source = open_source(request.data)
    predictions = _predictions(request, source)
    targets = list(_targets(request, source, predictions))
    if not targets:
        raise UsageError(
            f"`{request.data}` has no samples in the split `{request.split}`",
            fact=", ".join(f"{split} {count}" for split, count in source.splits.items()),
            hint="--split all",
        )
    judge = Judge(request.data, source.manifest_hash, request.baseline, request.rule)
    with output_lock(request.out):
        _require_no_fewer(request, len(targets))
        record_settings(
            request.out / SETTINGS_NAME, request.settings(), free=PATHS, force=request.force
        )
        stored = keep_valid(request.out / SCORES_NAME, targets)
        fresh = {score.sample_id: score for score in _score(request, judge, targets, stored)}
        known = stored | fresh
        scores = [known[target.sample_id] for target in targets]
        results = _results(request, source, targets, scores)
        save_overlays(request.out / "overlays", judge, targets, scores, request.overlays)
        if comparisons or not _is_written(request.out, results):
            cards = score_cards(judge, targets, scores, workers=request.workers)
            said = (*notes, *source.notes)
            write_report(request.out / REPORT_NAME, results, cards, comparisons, notes=said)
            atomic_write_json(request.out / RESULTS_NAME, results)
    from_predictions = predictions.warnings if predictions else ()
    warnings = (
        *source.notes,
        *from_predictions,
        *_unscored(scores),
        *_overlap(request, source),
    )
    return PuzzleResult(results, len(fresh), request.out / REPORT_NAME, warnings)


def _require_no_fewer(request: PuzzleEval, count: int) -> None:
    """Raises ConflictError when a limit would replace results of more than `count` samples."""
    path = request.out / RESULTS_NAME
    if request.limit is None or request.force or not path.is_file():
        return
    there = read_json(path)["data"]["n_samples"]
    if count < there:
        raise ConflictError(
            f"`{path}` holds results of {there} samples",
            fact=f"{count} now, with --limit {request.limit}",
            hint="leave --limit out, choose another directory with -o, or replace it with --force",
        )


def _predictions(request: PuzzleEval, source: SampleSource) -> Predictions | None:
    if request.pred is None:
        return None
    return open_predictions(request.pred, source.ids())


def _targets(
    request: PuzzleEval, source: SampleSource, predictions: Predictions | None
) -> Iterator[Target]:
    for sample in source.samples(request.split, request.limit, pixels=False):
        instance = sample.instance
        prediction = predictions.find(sample.id, request.kind) if predictions else None
        sha256 = prediction.sha256 if prediction else ""
        generator = registry.load(instance.generator)
        yield Target(
            sample_id=sample.id,
            task=instance.task,
            group=generator.group or instance.task,
            evaluator=_evaluator(request.rule, instance),
            drawing=fingerprint(json.dumps(asdict(instance), separators=(",", ":")).encode()),
            sha256=baseline_key(request.baseline, SEED) if request.baseline else sha256,
            chance=_chance(instance.generator, json.dumps(instance.config)),
            prediction=prediction,
        )


def _score(
    request: PuzzleEval, judge: Judge, targets: Sequence[Target], stored: Mapping[str, Score]
) -> Iterator[Score]:
    todo = [target for target in targets if target.sample_id not in stored]
    path = request.out / SCORES_NAME
    workers = useful_workers(request.workers, len(todo))
    with progress("scoring", len(targets), len(stored)) as advance:
        for score in map_ordered(judge.score, todo, workers=workers):
            append_score(path, score)
            advance(1)
            yield score


def _results(
    request: PuzzleEval, source: SampleSource, targets: Sequence[Target], scores: Sequence[Score]
) -> dict[str, Any]:
    made = [target.prediction for target in targets if target.prediction]
    return {
        "schema": SCHEMA,
        "rule": request.rule,
        **summarise(
            scores,
            {target.sample_id: target.chance for target in targets},
            {target.task: target.group for target in targets},
            request.missing,
        ),
        "results": str(request.out / RESULTS_NAME),
        "report": str(request.out / REPORT_NAME),
        "data": {
            "path": str(request.data),
            "split": request.split,
            "limit": request.limit,
            "n_samples": len(targets),
            "skipped": dict(source.skipped),
            "manifest_hash": source.manifest_hash,
        },
        "prediction": {
            "path": None if request.pred is None else str(request.pred),
            "baseline": request.baseline,
            "kind": request.kind,
            "missing": request.missing,
            "models": sorted({prediction.model for prediction in made if prediction.model}),
            "runs": sorted({prediction.run for prediction in made if prediction.run}),
            "infer": _infer_record(request.pred),
        },
        "evaluators": sorted({target.evaluator for target in targets}),
    }


def _evaluator(rule: Rule, instance: Instance) -> str:
    """The names and versions of all that a score depends on besides sample and prediction."""
    ours = f"{instance.generator}@{instance.version}+{VERSION}"
    return ours if rule == "vtb" else f"{rule}@{videothinkbench.VERSION}, {ours}"


@cache
def _chance(generator_name: str, config_json: str) -> float:
    generator = registry.load(generator_name)
    return generator.chance(generator.Config.model_validate_json(config_json))


def _infer_record(pred: Path | None) -> dict[str, Any] | None:
    path = None if pred is None else pred / "infer.json"
    return read_json(path) if path and path.is_file() else None


def _unscored(scores: Sequence[Score]) -> tuple[str, ...]:
    """A warning when samples could not be judged, with why the first one could not."""
    unscored = [score for score in scores if score.score is None and score.reason != MISSING]
    if not unscored:
        return ()
    name, why = unscored[0].sample_id, unscored[0].details.get("error", "")
    return (f"samples without a score: {len(unscored)}, such as `{name}`: {why}",)


def _overlap(request: PuzzleEval, source: SampleSource) -> tuple[str, ...]:
    """A warning when the predictions' model may have been trained on puzzles of this split."""
    trained = (_infer_record(request.pred) or {}).get("train_buckets")
    if not trained:
        return ()
    return overlap_warnings(range(*trained), source.buckets(request.split))


def _is_written(out: Path, results: Mapping[str, Any]) -> bool:
    path = out / RESULTS_NAME
    return path.is_file() and (out / REPORT_NAME).is_file() and read_json(path) == results
