"""`vtb models`: make and check model directories."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli import models_lora
from vtb.cli.models_report import first_names, lora_lines, lora_payload
from vtb.cli.options import JsonMode, Out, Quiet, Verbose
from vtb.cli.output import emit, next_steps, warn

if TYPE_CHECKING:
    from vtb.models.check import CheckReport

app = typer.Typer(no_args_is_help=True, help="Make and check model directories.")
app.add_typer(models_lora.app, name="lora")


@app.command()
def init(
    family: Annotated[str, typer.Argument(help="Model family, such as wan2.2-ti2v-5b.")],
    preset: Annotated[str, typer.Option(help="Size of the model.")] = "tiny",
    seed: Annotated[
        int | None,
        typer.Option(
            help="Random weights from this root; default: the trained ones where vtb ships them, "
            "else 0."
        ),
    ] = None,
    out: Out = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a small model in a family's real architecture and file layout."""
    from vtb.models.create import create

    made = create(family, preset, seed, (out or Path("models") / f"{family}-{preset}").resolve())
    payload = {
        "family": made.family,
        "preset": made.preset,
        "out": str(made.out),
        "trained": made.trained,
        "parameters": made.parameters,
        "bytes": made.size_bytes,
        "files": list(made.files),
    }
    state = "made" if made.is_new else "already complete"
    weights = "trained" if made.trained else "random"
    text = (
        f"{state}: {family} ({preset}), {made.parameters:,} {weights} parameters, "
        f"{made.size_bytes / 1e6:.1f} MB\n{made.out}"
    )
    emit("vtb.models.init/1", payload, text, json_mode)
    next_steps(f"vtb models check {quote(str(made.out))}")


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="Model directory.", metavar="DIR")],
    family: Annotated[str | None, typer.Option(help="Default: recognised.")] = None,
    lora: Annotated[
        list[Path] | None, typer.Option(help="LoRA file to compare; repeatable.")
    ] = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check a model directory, and LoRA files against it, without loading weights."""
    from vtb.models.check import check as check_directory
    from vtb.recipe.find import shipped

    report = check_directory(directory.resolve(), family, lora or ())
    for warning in (text for one in report.lora for text in one.warnings):
        warn(warning)
    emit("vtb.models.check/1", _payload(report), _text(report), json_mode)
    if not report.ok:
        raise typer.Exit(3)
    recipe = f"video/{report.family}-{'tiny' if _preset(directory) == 'tiny' else 'lora'}"
    if recipe in shipped():
        next_steps(
            f"vtb train video --recipe {recipe} --model {quote(str(directory))} --data DIR -o RUN"
        )


def _preset(directory: Path) -> str | None:
    """The preset that a checkpoint was made with; None for a published one."""
    from vtb.core.files import read_json
    from vtb.models.families import MARKER

    marker = directory / MARKER
    return read_json(marker).get("preset") if marker.is_file() else None


def _payload(report: CheckReport) -> dict[str, object]:
    return {
        "family": report.family,
        "ok": report.ok,
        "files": {
            "ok": list(report.complete),
            "missing": list(report.missing),
            "unexpected": list(report.unexpected),
        },
        "parameters": report.parameters,
        "lora": [lora_payload(lora) for lora in report.lora],
    }


def _text(report: CheckReport) -> str:
    lines = [
        f"{report.family}: {'ok' if report.ok else 'does not match'}, "
        f"{report.parameters:,} parameters, {len(report.complete)} files ok",
        *first_names("missing", report.missing),
        *first_names("unexpected", report.unexpected),
        *(line for lora in report.lora for line in lora_lines(lora)),
    ]
    return "\n".join(lines)
