"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import typer

from vtb.core.errors import VtbError

QUIET = "VTB_QUIET"


def _colour(name: str) -> str | None:
    """The colour, or None where the terminal or the user wants none."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return None if plain else name


def emit(schema: str, payload: Mapping[str, Any], text: str, json_mode: bool) -> None:
    """Prints one JSON object, or the text meant for people, on stdout."""
    if json_mode:
        value = {"schema": schema, **payload}
        typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
    else:
        typer.echo(text)


def note(text: str) -> None:
    """Prints a remark on stderr, unless `--quiet`."""
    if not os.environ.get(QUIET):
        typer.echo(text, err=True)


def warn(text: str) -> None:
    """Prints a warning on stderr."""
    typer.secho(f"warning: {text}", fg=_colour(typer.colors.YELLOW), err=True)


def next_steps(*commands: str) -> None:
    """Prints the commands that make sense now on stderr, unless `--quiet`."""
    if not os.environ.get(QUIET):
        typer.echo("Next:", err=True)
        for command in commands:
            typer.secho(f"  {command}", fg=_colour(typer.colors.CYAN), err=True)


def report_error(error: VtbError, *, json_mode: bool) -> None:
    """Prints error, fact and hint on stderr and, for codes 1 and 4, the JSON object on stdout."""
    typer.secho(f"error: {error.message}", fg=_colour(typer.colors.RED), err=True)
    if error.fact:
        typer.echo(f"  {error.fact}", err=True)
    if error.hint:
        typer.echo(f"\nhint: {error.hint}", err=True)
    if json_mode and error.exit_code in (1, 4):
        value = {
            "schema": "vtb.error/1",
            "kind": error.kind,
            "message": str(error),
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        typer.echo(json.dumps(value, ensure_ascii=False))
