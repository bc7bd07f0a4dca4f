"""`vtb demo`: the whole loop in one command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import JsonMode, Quiet, Verbose, Workers
from vtb.cli.output import emit, next_steps, note

if TYPE_CHECKING:
    from vtb.demo import DemoResult


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output directory.")] = Path("demo"),
    workers: Workers = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run the whole loop on a CPU with a tiny random model, in under two minutes."""
    from vtb.demo import BASELINES, PLAIN_TRUTH, run_demo
    from vtb.run.executor import usable_cpus

    result = run_demo(out.resolve(), note, workers or usable_cpus())
    emit("vtb.demo/1", result.payload(), _text(result, BASELINES), json_mode)
    if not result.ok:
        raise typer.Exit(3)
    note(PLAIN_TRUTH)
    next_steps(
        "vtb gen maze --size 9 -n 1000",
        "vtb recipe show video/wan2.2-ti2v-5b-lora",
    )


def _text(result: DemoResult, meanings: Mapping[str, str]) -> str:
    lines = [f"{'':<28}{'solved':>9}{'95 % interval':>18}{'loss':>9}"]
    for row in result.rows:
        low, high = row.ci95
        interval = f"{100 * low:.0f} to {100 * high:.0f} %"
        loss = "" if row.loss is None else f"{row.loss:.3f}"
        numbers = f"{100 * row.accuracy:>7.0f} %{interval:>18}{loss:>9}"
        lines.append(f"{row.name:<28}{numbers}  {meanings.get(row.name, '')}".rstrip())
    lines += [f"FAILED: {step.name}" for step in result.steps if not step.ok]
    return "\n".join([*lines, f"report: {result.html}"])
