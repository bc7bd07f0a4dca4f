"""`vtb gen`: build a dataset."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from vtb.cli import gen_families
from vtb.cli.options import JsonMode
from vtb.cli.output import emit, next_steps, warn
from vtb.core import registry
from vtb.core.errors import UsageError, VtbError, did_you_mean


class Generators(TyperGroup):
    """The commands of the families and, made when asked for, one for each generator.

    Making all of them costs as much as the rest of `vtb --help`. Help shows families only.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        families = super().list_commands(ctx)
        return families + registry.names() if ctx.resilient_parsing else families

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = super().get_command(ctx, cmd_name)
        if known is None and cmd_name in registry.names():
            return _command(cmd_name)
        return known

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            known = {*self.commands, *registry.names()}
            raise UsageError(f"unknown generator `{name}`", hint=did_you_mean(name, known))
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=Generators, help="Build a dataset of puzzles with known answers.")
app.command()(gen_families.maze)
app.command()(gen_families.eyeballing)
app.command()(gen_families.visual)
app.command()(gen_families.arc)
app.command("all")(gen_families.everything)


@app.callback(
    invoke_without_command=True,
    epilog="Every generator in the list is a command too, with settings by -s KEY=VALUE.",
)
def gen(
    context: typer.Context,
    list_all: Annotated[bool, typer.Option("--list", help="Show every generator.")] = False,
    new: Annotated[
        str | None,
        typer.Option("--new", metavar="NAME", help="Begin a generator in a checkout of vtb."),
    ] = None,
    json_mode: JsonMode = False,
) -> None:
    """Build a dataset of puzzles with known answers."""
    if list_all:
        _list(json_mode)
    elif new is not None:
        _begin(new)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def _command(name: str) -> Any:
    app = typer.Typer(add_completion=False)
    help_text = f"Build from generator {name}; settings by -s KEY=VALUE."
    app.command(name, help=help_text)(gen_families.by_name(name))
    return get_command(app)


def _list(json_mode: bool) -> None:
    rows = [row for name in registry.names() if (row := _row(name)) is not None]
    emit("vtb.gen.list/1", {"generators": rows}, _table(rows), json_mode)


def _row(name: str) -> dict[str, Any] | None:
    """What the list says of a generator; None, and a warning, when it cannot be imported."""
    try:
        generator = registry.load(name)
    except VtbError as error:
        warn(str(error))
        return None
    return {
        "name": name,
        "family": generator.family,
        "group": generator.group,
        "summary": generator.summary,
        "tasks": [generator.task],
    }


def _table(rows: list[dict[str, Any]]) -> str:
    """The generators by family: name, summary and, in brackets, the task of their samples."""
    width = max((len(row["name"]) for row in rows), default=0)
    blocks: list[str] = []
    for family, members in groupby(rows, key=lambda row: row["family"]):
        lines = [f"  {m['name']:<{width}}  {m['summary']} ({m['tasks'][0]})" for m in members]
        blocks.append("\n".join([family, *lines]))
    return "\n\n".join(blocks)


def _begin(name: str) -> None:
    from vtb.data.scaffold import find_checkout, scaffold

    checkout = find_checkout(Path.cwd())
    touched = scaffold(name, checkout)
    typer.echo("\n".join(str(path.relative_to(checkout)) for path in touched))
    next_steps(
        "pip install --no-deps -e .",
        f"VTB_REWRITE_GOLDEN=1 pytest tests/property -k {name}",
        f"pytest tests/property -k {name}",
        f"vtb gen {name} -n 16",
    )
