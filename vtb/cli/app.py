"""The `vtb` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

import vtb
from vtb.cli import cache, data, demo, evaluate, gen, infer, models, recipe, train
from vtb.cli.output import report_error
from vtb.core.errors import VtbError
from vtb.core.files import translate_os_error

app = typer.Typer(
    name="vtb",
    help="Puzzles and physics with known answers: generate, train, infer, verify.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(gen.app, name="gen")
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")
app.add_typer(recipe.app, name="recipe")
app.add_typer(train.app, name="train")
app.add_typer(infer.app, name="infer")
app.add_typer(evaluate.app, name="eval")
app.add_typer(cache.app, name="cache")
app.command("demo")(demo.demo)


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; not an Exception, so that nothing but `main` handles it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def _show_version(value: bool) -> None:
    if value:
        typer.echo(vtb.__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Generate puzzles, train on them, and verify what the model makes of them."""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    # A second signal while children are being stopped would leave them behind.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted(number)


def main() -> None:
    """Runs the command line and ends the process with the code of `cli.md`."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except Interrupted as interrupt:
        typer.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(interrupt.exit_code)
    except VtbError as error:
        _fail(error)
    except OSError as error:
        _fail(translate_os_error(error, Path(error.filename or ".")), cause=error)
    except Exception as error:  # the last resort: a bug of ours still ends in one clear line
        fact = f"{type(error).__name__}: {error}"
        hint = "run it again with -v for the traceback, and report it"
        _fail(VtbError("unexpected failure", fact=fact, hint=hint), cause=error)


def _fail(error: VtbError, cause: Exception | None = None) -> NoReturn:
    if os.environ.get("VTB_VERBOSE"):
        sys.excepthook(type(cause or error), cause or error, (cause or error).__traceback__)
    report_error(error, json_mode="--json" in sys.argv)
    sys.exit(error.exit_code)
