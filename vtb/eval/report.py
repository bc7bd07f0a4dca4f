"""The HTML report of an evaluation: one self-contained file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

from vtb.core.files import atomic_write
from vtb.eval.charts import Bar, Guess, accuracy_bars, percent, reason_bars
from vtb.media.cards import OVERLAY_LEGEND
from vtb.media.html import Card, cards, facts, page, table

RULES = ("videothinkbench", "vtb", "both")
PUBLISHED = Path(__file__).parent / "published" / "videothinkbench.toml"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another result of the same kind to show beside: a label and its `results.json` content."""

    label: str
    results: Mapping[str, Any]


def write_report(
    path: Path,
    results: Mapping[str, Any],
    samples: Sequence[Card],
    comparisons: Sequence[Comparison] = (),
    *,
    notes: Sequence[str] = (),
) -> None:
    """Writes one HTML file of less than 15 MB, atomically.

    `results` is the content of a `results.json`; `comparisons` become further bars and rows,
    `notes` plain paragraphs under the headline.
    """
    rows = [Comparison(_label(results), results), *comparisons]
    body = [
        _headline(results, rows),
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
        "<h2>Verdicts</h2>" + f'<div class="panel">{reason_bars(results["reasons"])}</div>',
        "<h2>By task</h2>" + _accuracies(rows, "task"),
        *_by_group(rows),
        *_rules(results),
        *_published(results),
        f'<h2>Samples</h2><p class="soft">{OVERLAY_LEGEND}</p>{cards(samples)}' if samples else "",
        *_measurements(results),
        "<h2>How this was made</h2>" + _origin(results),
    ]
    data = results["data"]
    subtitle = f"{_label(results)} · {Path(data['path']).name} · split {data['split']}"
    atomic_write(path, page("Puzzle evaluation", subtitle, body))


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f} %"


def _label(results: Mapping[str, Any]) -> str:
    prediction = results["prediction"]
    if prediction["baseline"]:
        return f"baseline {prediction['baseline']}"
    origins = (*prediction["models"], *prediction["runs"])
    names = [Path(origin).name.removesuffix(".safetensors") for origin in origins]
    return " + ".join(names) or "predictions"


def _headline(results: Mapping[str, Any], rows: Sequence[Comparison]) -> str:
    bars = accuracy_bars(
        [Bar(row.label, row.results["accuracy"], row.results["ci95"]) for row in rows],
        _guess(results),
    )
    absent = results["n_missing"]
    lines = [
        f"{results['passed']} of {results['n']} passed",
        f"95 % interval {_interval(results['ci95'])}",
        _guess_line(results),
        f"{absent} without a prediction; of those answered {percent(results['accuracy_answered'])}"
        if absent
        else "",
    ]
    return (
        f'<section class="panel headline"><div><div class="number">'
        f"{percent(results['accuracy'])}</div>"
        + "".join(f'<p class="soft">{escape(line)}</p>' for line in lines if line)
        + f"</div><div>{bars}</div></section>"
    )


def _guess(results: Mapping[str, Any]) -> Guess | None:
    if results["straight"] is not None:
        return Guess("straight line", results["straight"])
    return None if results["chance"] is None else Guess("chance", results["chance"])


def _guess_line(results: Mapping[str, Any]) -> str:
    guess = _guess(results)
    return "" if guess is None else f"{guess.label} {percent(guess.share)}"


def _by_group(rows: Sequence[Comparison]) -> list[str]:
    """A table by group, where a group is more than one task."""
    results = rows[0].results
    if len(results["by_group"]) == len(results["by_task"]):
        return []
    return ["<h2>By group</h2>" + _accuracies(rows, "group")]


def _accuracies(rows: Iterable[Comparison], part: Literal["task", "group"]) -> str:
    header = [
        part,
        "result",
        "n",
        "passed",
        "accuracy",
        "95 % interval",
        "chance",
        "straight line",
    ]
    return table(
        header,
        (
            [
                name,
                row.label,
                str(numbers["n"]),
                str(numbers["passed"]),
                percent(numbers["accuracy"]),
                _interval(numbers["ci95"]),
                percent(numbers["chance"]),
                percent(numbers["straight"]),
            ]
            for row in rows
            for name, numbers in row.results[f"by_{part}"].items()
        ),
    )


def _rules(results: Mapping[str, Any]) -> list[str]:
    """What the benchmark's rule and ours say of the same predictions."""
    if not results["rules"]:
        return []
    caption = (
        "All other figures here are by VideoThinkBench's own rule. Our verifiers look at the same "
        "predictions: they want one clean path or mark, on an unchanged scene."
    )
    header = ["task", "n", "VideoThinkBench's rule", "our rule", "both"]
    rows = [
        [task, str(row["n"])] + [f"{row[rule]} · {percent(row[rule] / row['n'])}" for rule in RULES]
        for task, row in results["rules"].items()
    ]
    return [f'<h2>Both rules</h2><p class="soft">{escape(caption)}</p>', table(header, rows)]


def _measurements(results: Mapping[str, Any]) -> list[str]:
    """Means of what the verifiers measured, by task."""
    by_task = results["by_task"]
    names = sorted({name for numbers in by_task.values() for name in numbers["details"]})
    if not names:
        return []
    rows = [
        [name.replace("_", " "), *(_mean(numbers["details"], name) for numbers in by_task.values())]
        for name in names
    ]
    return ["<h2>Mean measurements</h2>", table(["measurement", *by_task], rows)]


def _mean(details: Mapping[str, float], name: str) -> str:
    return f"{details[name]:.4g}" if name in details else "–"


def _published(results: Mapping[str, Any]) -> list[str]:
    """Published accuracies of the groups at hand, in a table of their own."""
    reference = _reference()
    groups = [group for group in reference["groups"] if group in results["by_group"]]
    if not groups:
        return []
    rows = [
        [row["model"], row["set"], *(percent(row["accuracy"].get(group)) for group in groups)]
        for row in reference["rows"]
        if any(group in row["accuracy"] for group in groups)
    ]
    title = f"{reference['benchmark']}: {reference['label']}"
    other = "Other puzzles and another rule" if results["rule"] == "vtb" else "Other puzzles"
    caption = f"{other} than above. {reference['note']} Source: {reference['source']}"
    return [
        f"<h2>{escape(title)}</h2>",
        f'<p class="soft">{escape(caption)}</p>',
        table(["model", "set", *groups], rows),
    ]


@cache
def _reference() -> dict[str, Any]:
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))


def _origin(results: Mapping[str, Any]) -> str:
    data, prediction = results["data"], results["prediction"]
    settings = (prediction["infer"] or {}).items()
    return facts(
        {
            "data": data["path"],
            "manifest": data["manifest_hash"],
            "split": data["split"],
            "predictions": prediction["path"] or f"baseline {prediction['baseline']}",
            "runs": ", ".join(prediction["runs"]),
            "rule": results["rule"],
            "evaluator": ", ".join(results["evaluators"]),
            "missing predictions": prediction["missing"],
            **{f"infer: {key}": str(value) for key, value in settings if value is not None},
        }
    )
