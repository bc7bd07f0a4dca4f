"""`vtb demo`: the whole loop in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import JsonMode, Quiet, Verbose, Workers
from vtb.cli.output import emit, next_steps, note

if TYPE_CHECKING:
    from vtb.demo.result import DemoResult


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output directory.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other mazes.")] = 0,
    workers: Workers = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Watch a small trained video model solve mazes and learn a new style, on this CPU."""
    from vtb.demo.loop import run_demo
    from vtb.run.executor import usable_cpus

    result = run_demo(out.resolve(), note, workers=workers or usable_cpus(), seed=seed)
    emit("vtb.demo/1", result.payload(), _text(result), json_mode)
    if not result.ok:
        raise typer.Exit(3)
    next_steps(
        "vtb models init wan2.2-ti2v-5b --preset mini -o mini",
        "vtb gen maze --size 9 --frames 17 --split test -n 100 -o mazes",
        "vtb infer video --model mini --data mazes --steps 4 --cfg 1",
    )


def _text(result: DemoResult) -> str:
    from vtb.demo.loop import BASELINES
    from vtb.demo.page import interval, sentence

    lines = [f"{'':<16}{'solved':>9}{'95 % interval':>18}"]
    for row in result.rows:
        numbers = f"{100 * row.accuracy:>7.0f} %{interval(row):>18}"
        lines.append(f"{row.name:<16}{numbers}  {BASELINES.get(row.name, '')}".rstrip())
    if result.pairs is not None:
        lines.append(sentence(result.pairs))
    lines += [f"FAILED: {step.name}" for step in result.steps if not step.ok]
    lines += [f"pictures: {result.sheet}", f"report: {result.html}"]
    return "\n".join(lines)
