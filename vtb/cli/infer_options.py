"""What the commands of `vtb infer` share: options, the report and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import Force, JsonMode, Limit, Out, Quiet, Verbose
from vtb.cli.output import emit, next_steps, warn

if TYPE_CHECKING:
    from vtb.infer.result import InferResult

Checkpoint = Annotated[Path, typer.Option(help="Checkpoint directory.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InferOptions:
    """Which samples are predicted, on what, and where the predictions go."""

    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test"
    limit: Limit = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:i.")] = "auto"
    out: Out = None
    force: Force = False
    json_mode: JsonMode = False
    quiet: Quiet = False
    verbose: Verbose = False

    def target(self, data: Path | None) -> Path:
        """The folder of the predictions."""
        name = data.resolve().name if data else "prompt"
        return (self.out or Path("predictions") / name).resolve()

    def report(self, schema: str, things: str, result: InferResult, data: Path | None) -> None:
        """Prints what was made and what to do next; exits with 3 when some of it failed."""
        for warning in result.warnings:
            warn(warning)
        for sample_id, reason in result.failed.items():
            warn(f"{sample_id}: {reason}")
        emit(schema, _payload(result), _text(result, things), self.json_mode)
        if result.failed:
            raise typer.Exit(3)
        if data is not None:
            places = f"--data {quote(str(data))} --split {self.split}"
            next_steps(f"vtb eval puzzles {places} --pred {quote(str(result.out))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionOptions(InferOptions):
    """Those, and how noise becomes clips or pictures."""

    data: Annotated[Path | None, typer.Option(help="Dataset made by `vtb gen`.")] = None
    prompt: Annotated[str | None, typer.Option(help="One prompt, instead of --data.")] = None
    steps: Annotated[
        int | None, typer.Option(min=1, help="Denoising steps.", show_default="the model's")
    ] = None
    cfg: Annotated[
        float | None, typer.Option(min=0, help="Guidance scale.", show_default="the model's")
    ] = None
    seed: Annotated[int, typer.Option(help="Root of every random stream.")] = 42


def resolved(path: Path | None) -> Path | None:
    """The absolute path, if there is one."""
    return None if path is None else path.resolve()


def _payload(result: InferResult) -> dict[str, object]:
    return {
        "out": str(result.out),
        "n": result.n,
        "done": result.done,
        "skipped": result.skipped,
        "failed": len(result.failed),
        "seconds": round(result.seconds, 3),
    }


def _text(result: InferResult, things: str) -> str:
    if result.skipped == result.n:
        return f"already complete: {result.n:,} {things}\n{result.out}"
    failed = f", {len(result.failed):,} failed" if result.failed else ""
    return (
        f"made {result.done:,} {things} in {result.seconds:.0f} s, "
        f"{result.skipped:,} were there{failed}\n{result.out}"
    )
