"""A static HTML sheet of a dataset, or of one sample in detail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from vtb.core.errors import ConflictError
from vtb.core.files import atomic_write
from vtb.core.types import Prediction, Sample, Verdict
from vtb.data.judging import check
from vtb.data.predictions import Predictions, open_predictions
from vtb.data.source import SampleSource
from vtb.media.cards import sample_card
from vtb.media.html import cards, facts, page

DETAIL_PX = 512
GENERATOR = b'name="generator" content="vtb"'
HEAD_BYTES = 500


def write_view(
    source: SampleSource,
    path: Path,
    *,
    sample_id: str | None = None,
    predictions: Path | None = None,
    limit: int = 64,
    force: bool = False,
) -> int:
    """Writes puzzle, solution and clip of the first samples as one HTML file; returns how many.

    With `sample_id` it shows that sample alone, with prompts, answer, difficulty and origin.
    Predictions found in a folder are shown beside, with their verdict. Raises ConflictError
    when `path` is a file that is no page of ours, unless `force`.
    """
    if not force and path.exists() and GENERATOR not in path.read_bytes()[:HEAD_BYTES]:
        raise ConflictError(
            f"`{path}` is no page made by vtb",
            fact="it would be overwritten",
            hint="choose another file with -o, or --force",
        )
    found = None if predictions is None else open_predictions(predictions, source.ids())
    if sample_id is not None:
        sample = source.sample(sample_id, video=True)
        _write_detail(path, sample, *_judged(sample, found))
        return 1
    items = [
        sample_card(sample, *_judged(sample, found))
        for sample in source.samples(limit=limit, video=True)
    ]
    subtitle = f"{len(items)} of {sum(source.splits.values())} samples"
    layout = "narrow" if found is None else ""
    atomic_write(path, page(source.path.name, subtitle, [cards(items, layout)]))
    return len(items)


def _judged(
    sample: Sample, predictions: Predictions | None
) -> tuple[Prediction | None, Verdict | None]:
    prediction = predictions.find(sample.id) if predictions else None
    if prediction is None:
        return None, None
    return prediction, check(sample, prediction, overlay=True)


def _write_detail(
    path: Path, sample: Sample, prediction: Prediction | None, verdict: Verdict | None
) -> None:
    instance = sample.instance
    body = [
        cards([sample_card(sample, prediction, verdict, side_px=DETAIL_PX)], "single"),
        "<h2>Prompts</h2>",
        facts({str(audience): text for audience, text in sample.prompts.items()}),
        "<h2>Content</h2>",
        facts(
            {
                "answer": sample.answer,
                **{name: f"{value:g}" for name, value in instance.difficulty.items()},
                "generator": f"{instance.generator}, version {instance.version}",
                "seed and index": f"{instance.seed}, {instance.index}",
                "config": json.dumps(dict(instance.config)),
                "style": json.dumps(dict(instance.style)),
                "fingerprint": instance.fingerprint,
            }
        ),
    ]
    if verdict is not None:
        body += ["<h2>Verdict</h2>", facts(_verdict_facts(verdict))]
    atomic_write(path, page(sample.id, instance.task, body))


def _verdict_facts(verdict: Verdict) -> Mapping[str, str]:
    details = {name: json.dumps(value) for name, value in verdict.details.items()}
    return {"reason": str(verdict.reason), **details}
