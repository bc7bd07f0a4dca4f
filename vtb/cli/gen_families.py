"""`vtb gen maze`, `eyeballing`, `visual`, `arc` and `all`: generators by family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from vtb.cli.gen_build import Common, build
from vtb.cli.gen_choices import (
    chosen,
    family_tasks,
    short_names,
    with_canvas,
    with_gap,
    with_settings,
)
from vtb.cli.options import parse_size, with_options
from vtb.core import registry
from vtb.core.errors import UsageError, did_you_mean

# What `--size` means to each kind of maze, and its default.
SIZES = {"square": (("rows", "cols"), 9), "hexagon": (("radius",), 3), "labyrinth": (("rings",), 3)}
DATA = Path("data")


def _completed(family: str) -> Callable[[], list[str]]:
    return lambda: ["all", *short_names(family)]


Canvas = Annotated[str | None, typer.Option(metavar="HxW", help="Height and width, px.")]
Preset = Annotated[str | None, typer.Option(help="Such as videothinkbench.")]
Style = Annotated[str | None, typer.Option(help="Name or TOML file.")]


@with_options(Common)
def maze(
    common: Common,
    kind: Annotated[
        str, typer.Option(help="square, hexagon or labyrinth.", autocompletion=lambda: list(SIZES))
    ] = "square",
    size: Annotated[
        int | None,
        typer.Option(
            help="Blocks per side, walls included: odd; radius of a hexagon; rings of a labyrinth.",
            show_default="9, 3 or 3",
        ),
    ] = None,
    segments: Annotated[int | None, typer.Option(help="Cells per ring of a labyrinth.")] = None,
    cell: Annotated[
        int | None,
        typer.Option(help="Px: side of a block, corner radius of a hexagon, width of a ring."),
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="wilson, dfs, prim, kruskal or braid.")
    ] = None,
    braid: Annotated[
        float | None, typer.Option(help="Share of dead ends that `braid` opens.")
    ] = None,
    endpoints: Annotated[str | None, typer.Option(help="random or corners.")] = None,
    min_path: Annotated[int | None, typer.Option(help="Least rooms on the path.")] = None,
    max_path: Annotated[int | None, typer.Option(help="Most rooms on the path.")] = None,
    style: Style = None,
    canvas: Annotated[str | None, typer.Option(metavar="HxW", help="Pad to this size.")] = None,
    preset: Preset = None,
) -> None:
    """Mazes: find the way between two marked cells."""
    if kind not in SIZES:
        raise UsageError(f"unknown kind of maze `{kind}`", hint=did_you_mean(kind, SIZES))
    if segments is not None and kind != "labyrinth":
        raise UsageError(
            f"`--segments` says nothing about a {kind} maze",
            fact="only labyrinths have segments",
            hint="--kind labyrinth, or leave --segments out",
        )
    keys, default = SIZES[kind]
    size = default if size is None else size
    config = _given(
        segments=segments,
        algorithm=algorithm,
        braid_share=braid,
        endpoints=endpoints,
        min_path=min_path,
        max_path=max_path,
    )
    drawing = _given(cell=cell, canvas=canvas and parse_size(canvas, "--canvas"))
    choice = chosen(f"maze-{kind}", preset, style)
    choice = choice.having({**dict.fromkeys(keys, size), **config}, drawing)
    build(with_settings([choice], common.settings), common, DATA / f"maze-{kind}-{size}")


@with_options(Common)
def eyeballing(
    common: Common,
    task: Annotated[
        str,
        typer.Option(
            help="Names, separated by commas, or point, line, shape or all.",
            autocompletion=_completed("eyeballing"),
        ),
    ] = "all",
    canvas: Canvas = None,
    gap: Annotated[
        float | None, typer.Option(help="Px from the right option to the nearest other one.")
    ] = None,
    style: Style = None,
    preset: Preset = None,
) -> None:
    """Constructions judged by eye: which of the marked points completes the figure?

    -s sets every chosen task that has the key.
    """
    named = [chosen(name, preset, style) for name in family_tasks("eyeballing", task)]
    choices = with_settings(with_canvas(named, canvas), common.settings)
    if gap is not None:
        choices = [with_gap(choice, gap) for choice in choices]
    build(choices, common, DATA / "eyeballing")


@with_options(Common)
def visual(
    common: Common,
    task: Annotated[
        str,
        typer.Option(
            help="Names, separated by commas, or pattern, minor or all.",
            autocompletion=_completed("visual"),
        ),
    ] = "all",
    canvas: Canvas = None,
) -> None:
    """Patterns with a hidden part, and other puzzles on a sheet.

    -s sets every chosen task that has the key.
    """
    from vtb.data.choice import Choice

    choices = with_canvas([Choice.of(name) for name in family_tasks("visual", task)], canvas)
    build(with_settings(choices, common.settings), common, DATA / "visual")


@with_options(Common)
def arc(
    common: Common,
    folder: Annotated[
        Path, typer.Option("--input", metavar="DIR", help="Folder of ARC task files (JSON).")
    ],
    cell: Annotated[int | None, typer.Option(help="Side of a grid cell, px.")] = None,
    test_index: Annotated[
        int | None, typer.Option(min=0, help="Only this test pair of each task.")
    ] = None,
) -> None:
    """ARC-AGI-2 from your own copy of its tasks; without -n all of them."""
    from vtb.data.choice import Choice

    asked = Choice("arc-agi-2", {"input": str(folder), **_given(test_index=test_index)})
    choice = asked.having(style=_given(cell=cell))
    build(with_settings([choice], common.settings), common, DATA / "arc", default_count=None)


def _mixture_names(incomplete: str) -> list[str]:
    from vtb.recipe.find import mixtures

    return [name for name in mixtures() if name.startswith(incomplete)]


@with_options(Common)
def everything(
    common: Common,
    mixture: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Tasks, counts and difficulty: a shipped mixture, or a TOML file.",
            autocompletion=_mixture_names,
        ),
    ] = None,
) -> None:
    """Every generator that needs no input, in equal parts, or the tasks of a mixture.

    A mixture's counts say how many samples each task gets; another -n keeps their proportions.
    -s sets every task that has the key.
    """
    from vtb.data.choice import Choice
    from vtb.data.mixture import read_mixture
    from vtb.recipe.find import find_mixture

    if mixture is None:
        named = [Choice.of(name) for name in registry.names()]
        complete = [choice for choice in named if not choice.missing()]
        build(with_settings(complete, common.settings), common, DATA / "all")
        return
    path = find_mixture(mixture)
    read = read_mixture(path)
    choices = with_settings(read.choices, common.settings)
    build(choices, common, DATA / path.stem, default_count=read.count)


def by_name(name: str) -> Callable[..., None]:
    """The command `vtb gen NAME` of any generator, built in or installed."""

    @with_options(Common)
    def command(common: Common) -> None:
        from vtb.data.choice import Choice

        build(with_settings([Choice.of(name)], common.settings), common, DATA / name)

    return command


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
