"""`vtb recipe`: list, resolve and describe recipes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from vtb.cli.options import JsonMode, Quiet, Settings, Verbose
from vtb.cli.output import emit, next_steps
from vtb.core.errors import UsageError, did_you_mean

app = typer.Typer(no_args_is_help=True, help="List, resolve and describe recipes.")


def complete_name(incomplete: str) -> list[str]:
    """Names of shipped recipes that begin so, for the shell."""
    from vtb.recipe.find import shipped

    return [name for name in shipped() if name.startswith(incomplete)]


Kind = Annotated[str | None, typer.Option("--kind", help="Only recipes of this kind.")]


@app.command("ls")
def list_recipes(
    kind: Kind = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the shipped recipes."""
    from vtb.recipe.find import shipped
    from vtb.recipe.load import load_any

    _check_kind(kind)
    rows = [
        {"name": name, "kind": name.split("/")[0], "summary": load_any(name).recipe.summary}
        for name in shipped()
        if kind in (None, name.split("/")[0])
    ]
    width = max((len(row["name"]) for row in rows), default=0)
    text = "\n".join(f"{row['name']:<{width}}  {row['summary']}" for row in rows)
    emit("vtb.recipe.ls/1", {"recipes": rows}, text, json_mode)
    next_steps("vtb recipe show NAME")


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="See `vtb recipe ls`.", autocompletion=complete_name
        ),
    ],
    settings: Settings = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show a resolved recipe, each value with its origin."""
    from vtb.recipe.load import load_any

    resolved = load_any(name, settings or ())
    payload = {"name": name, "recipe": resolved.values, "origins": dict(resolved.origins)}
    emit("vtb.recipe.show/1", payload, resolved.toml(with_origins=True).rstrip(), json_mode)


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="Kind of recipe.")] = "video",
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the JSON Schema of a kind of recipe, for editors."""
    from vtb.recipe.kinds import KINDS

    _check_kind(kind)
    value = KINDS[kind].model_json_schema()
    payload = {"kind": kind, "json_schema": value}
    emit("vtb.recipe.schema/1", payload, json.dumps(value, indent=2), json_mode)


def _check_kind(kind: str | None) -> None:
    from vtb.recipe.kinds import KINDS

    if kind is not None and kind not in KINDS:
        raise UsageError(f"unknown kind of recipe `{kind}`", hint=did_you_mean(kind, KINDS))
