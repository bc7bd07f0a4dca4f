"""`vtb eval`: score predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vtb.cli.options import Force, JsonMode, Limit, Out, Quiet, Verbose, Workers
from vtb.cli.output import emit, next_steps, warn
from vtb.core.errors import UsageError

if TYPE_CHECKING:
    from vtb.eval.puzzles import PuzzleResult

app = typer.Typer(no_args_is_help=True, help="Score predictions.")


@app.callback()
def evaluate() -> None:
    """Score predictions."""


@app.command()
def puzzles(
    data: Annotated[
        Path, typer.Option(help="Dataset made by `vtb gen`, or VideoThinkBench's folder.")
    ],
    pred: Annotated[Path | None, typer.Option(help="Folder of predictions.")] = None,
    baseline: Annotated[
        Literal["oracle", "unchanged", "random", "straight"] | None,
        typer.Option(help="Score a baseline instead."),
    ] = None,
    rule: Annotated[
        Literal["vtb", "videothinkbench"],
        typer.Option(help="Our verifiers, or that benchmark's rule with ours beside."),
    ] = "vtb",
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    kind: Annotated[
        Literal["auto", "image", "video", "text"], typer.Option(help="Which predictions to read.")
    ] = "auto",
    missing: Annotated[
        Literal["fail", "skip"], typer.Option(help="What an absent prediction counts as.")
    ] = "fail",
    overlays: Annotated[int, typer.Option(min=0, help="Save N annotated failures.")] = 0,
    limit: Limit = None,
    workers: Workers = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit 3 below this accuracy.")
    ] = None,
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge every prediction with its puzzle's own verifier."""
    from vtb.eval.puzzles import PuzzleEval
    from vtb.eval.puzzles import evaluate as evaluate_puzzles
    from vtb.run.executor import usable_cpus

    _require_one(pred, baseline)
    result = evaluate_puzzles(
        PuzzleEval(
            data=data.resolve(),
            out=(out or _default_out(data, pred, baseline, rule)).resolve(),
            pred=None if pred is None else pred.resolve(),
            baseline=baseline,
            rule=rule,
            split=split,
            kind=kind,
            missing=missing,
            overlays=overlays,
            limit=limit,
            workers=workers or usable_cpus(),
            force=force,
        )
    )
    _report(result, fail_under, json_mode)
    if baseline is None:
        next_steps(f"vtb eval puzzles --data {quote(str(data))} --split {split} --baseline oracle")


def _require_one(pred: Path | None, baseline: str | None) -> None:
    if (pred is None) == (baseline is None):
        raise UsageError(
            "nothing to score" if pred is None else "predictions and a baseline were named",
            fact="one run scores one of both",
            hint="--pred DIR or --baseline oracle",
        )


def _report(result: PuzzleResult, fail_under: float | None, json_mode: bool) -> None:
    for warning in result.warnings:
        warn(warning)
    emit(str(result.results["schema"]), result.results, _text(result), json_mode)
    accuracy = result.results["accuracy"]
    if fail_under is not None and (accuracy is None or accuracy < fail_under):
        raise typer.Exit(3)


def _default_out(data: Path, pred: Path | None, baseline: str | None, rule: str) -> Path:
    suffix = "" if rule == "vtb" else f"-{rule}"
    if pred is not None:
        return pred / f"eval-puzzles{suffix}"
    return Path("eval") / f"{data.resolve().name}-{baseline}{suffix}"


def _text(result: PuzzleResult) -> str:
    results = result.results
    state = f"scored {result.scored:,}" if result.scored else "already complete"
    lines = [
        f"{state}: {results['passed']:,} of {results['n']:,} passed, "
        f"accuracy {_share(results['accuracy'])}{_interval(results['ci95'])}, {_guess(results)}",
        *(f"  {name:<20}{count:>7,}" for name, count in results["reasons"].items()),
    ]
    lines += [
        f"{task}, by our rule: {row['vtb']:,} of {row['n']:,}"
        for task, row in results["rules"].items()
    ]
    if len(results["by_task"]) > 1:
        lines += [
            f"{task}: {numbers['passed']:,} of {numbers['n']:,}, {_share(numbers['accuracy'])}"
            for task, numbers in results["by_task"].items()
        ]
    return "\n".join([*lines, str(result.report)])


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _interval(ends: list[float] | None) -> str:
    return "" if ends is None else f" (95 % {ends[0]:.3f} to {ends[1]:.3f})"


def _guess(results: Mapping[str, Any]) -> str:
    if results["straight"] is not None:
        return f"straight line {_share(results['straight'])}"
    return f"chance {_share(results['chance'])}"
