"""Options that mean the same in every command."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from vtb.cli.output import QUIET
from vtb.core.errors import UsageError


def _be_quiet(value: bool) -> None:
    if value:
        # The environment reaches child processes too.
        os.environ.update({QUIET: "1", "NO_PROGRESS": "1"})


def _be_verbose(value: bool) -> None:
    if value:
        os.environ["VTB_VERBOSE"] = "1"


JsonMode = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_be_quiet, help="Errors and results only.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_be_verbose, help="Tracebacks of errors.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check, print the plan, write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Replace finished output that differs.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, help="Local processes.", show_default="usable CPUs"),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Output directory.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="First N samples only.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one value.")
]
DataDir = Annotated[Path, typer.Argument(metavar="DIR", help="Dataset made by `vtb gen`.")]


def parse_size(text: str, flag: str) -> tuple[int, int]:
    """Height and width in px of `HxW`, given with `flag`; raises UsageError for another form."""
    height, _, width = text.partition("x")
    if not all(side.isdecimal() and int(side) for side in (height, width)):
        raise UsageError(f"`{flag} {text}` is not a size", hint=f"{flag} 480x832 (HxW)")
    return int(height), int(width)


def with_options(shared: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command one option per field of the dataclass `shared`.

    The command receives them as one object in its parameter `common`.
    """
    hints = get_type_hints(shared, include_extras=True)
    options = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default).replace(
            annotation=hints[f.name]
        )
        for f in fields(shared)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**values: Any) -> None:
            common = shared(**{option.name: values.pop(option.name) for option in options})
            command(**values, common=common)

        signature = inspect.signature(command, eval_str=True)
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in signature.parameters.items()
            if name != "common"
        ]
        run.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return run

    return decorate
