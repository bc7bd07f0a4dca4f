"""`vtb gen`: build a dataset."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtb.cli.options import (
    DryRun,
    Force,
    JsonMode,
    Out,
    Quiet,
    Settings,
    Verbose,
    Workers,
    parse_size,
    with_options,
)
from vtb.cli.output import emit, next_steps, warn
from vtb.core import registry
from vtb.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vtb.core.generator import Generator
    from vtb.data.build import BuildResult, Rehearsal
    from vtb.data.request import Request

app = typer.Typer(help="Build a dataset of puzzles with known answers.")


@dataclass(frozen=True, slots=True)
class Common:
    """The options that all `gen` commands share."""

    count: Annotated[
        int, typer.Option("--count", "-n", min=1, help="Samples in the whole dataset.")
    ] = 100
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Root of every random stream.")
    ] = 0
    settings: Settings = None
    frames: Annotated[int, typer.Option(help="Frames of a video, 4k+1.")] = 81
    fps: Annotated[float, typer.Option(help="Frames per second.")] = 16
    video: Annotated[bool, typer.Option("--video/--no-video", help="Make videos.")] = True
    splits: Annotated[str, typer.Option(help="train,validation,test; by content.")] = (
        "0.9,0.05,0.05"
    )
    split: Annotated[str | None, typer.Option(help="Make puzzles of this split only.")] = None
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Allow further drawings of a puzzle.")
    ] = False
    shard_size: Annotated[int, typer.Option(min=1, help="Plan indices per shard.")] = 256
    workers: Workers = None
    out: Out = None
    dry_run: DryRun = False
    force: Force = False
    json_mode: JsonMode = False
    quiet: Quiet = False
    verbose: Verbose = False


@app.callback(invoke_without_command=True)
def gen(
    context: typer.Context,
    list_all: Annotated[bool, typer.Option("--list", help="Show every generator.")] = False,
    json_mode: JsonMode = False,
) -> None:
    """Build a dataset of puzzles with known answers."""
    if list_all:
        _list(json_mode)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
@with_options(Common)
def maze(
    common: Common,
    kind: Annotated[str, typer.Option(help="Grid family.")] = "square",
    size: Annotated[int, typer.Option(help="Blocks per side, walls included: odd.")] = 9,
    cell: Annotated[int | None, typer.Option(help="Side of a block, px.")] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="wilson, dfs, prim, kruskal or braid.")
    ] = None,
    braid: Annotated[
        float | None, typer.Option(help="Share of dead ends that `braid` opens.")
    ] = None,
    endpoints: Annotated[str | None, typer.Option(help="random or corners.")] = None,
    min_path: Annotated[int | None, typer.Option(help="Least rooms on the path.")] = None,
    max_path: Annotated[int | None, typer.Option(help="Most rooms on the path.")] = None,
    style: Annotated[str | None, typer.Option(help="Name or TOML file.")] = None,
    canvas: Annotated[str | None, typer.Option(metavar="HxW", help="Pad to this size.")] = None,
    preset: Annotated[str | None, typer.Option(help="Such as videothinkbench.")] = None,
) -> None:
    """Mazes: find the way between two marked cells."""
    name = f"maze-{kind}"
    generator = registry.load(name)
    config, drawing = _preset(generator, preset)
    config |= {"rows": size, "cols": size}
    config |= _given(
        algorithm=algorithm,
        braid_share=braid,
        endpoints=endpoints,
        min_path=min_path,
        max_path=max_path,
    )
    drawing |= _style(generator, style)
    drawing |= _given(cell=cell, canvas=canvas and parse_size(canvas, "--canvas"))
    _build(name, config, drawing, common, Path("data") / f"{name}-{size}")


def _add_generator(name: str) -> None:
    """Registers `vtb gen NAME`, for every generator built in or installed."""

    def command(common: Common) -> None:
        _build(name, {}, {}, common, Path("data") / name)

    help_text = f"Build from generator {name}; settings by -s KEY=VALUE."
    app.command(name, help=help_text)(with_options(Common)(command))


for _name in registry.names():
    _add_generator(_name)


def _list(json_mode: bool) -> None:
    generators = [registry.load(name) for name in registry.names()]
    rows = [{"name": g.name, "summary": g.summary, "tasks": [g.task]} for g in generators]
    text = "\n".join(f"{g.name:<24} {g.summary} ({g.task})" for g in generators)
    emit("vtb.gen.list/1", {"generators": rows}, text, json_mode)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _settings(settings: list[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Splits `-s key=value` into configuration and, by `style.<key>`, style; values are JSON."""
    config: dict[str, Any] = {}
    style: dict[str, Any] = {}
    for setting in settings or []:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"`-s {setting}` has no `=`", hint="-s key=value")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        target, name = (style, key[6:]) if key.startswith("style.") else (config, key)
        target[name] = value
    return config, style


def _preset(
    generator: Generator[Any, Any], name: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    if name is None:
        return {}, {}
    presets = generator.presets()
    if name not in presets:
        raise UsageError(f"unknown preset `{name}`", hint=did_you_mean(name, presets))
    chosen = presets[name]
    if "note" in chosen:
        warn(f"preset {name}: {chosen['note']}")
    return dict(chosen["config"]), _style(generator, chosen["style"])


def _style(generator: Generator[Any, Any], name: str | None) -> dict[str, Any]:
    styles = generator.styles()
    if name is None:
        return {}
    if name in styles:
        return dict(styles[name])
    path = Path(name)
    if path.suffix != ".toml" or not path.is_file():
        raise UsageError(f"unknown style `{name}`", hint=did_you_mean(name, styles))
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` is not valid TOML", fact=str(error)) from error


def _request(
    name: str, config: Mapping[str, Any], style: Mapping[str, Any], common: Common
) -> Request:
    from vtb.core.frames import FramePlan
    from vtb.core.splits import SPLITS, SplitRule
    from vtb.data.request import Request, Task

    if common.split is not None and common.split not in SPLITS:
        raise UsageError(f"unknown split `{common.split}`", hint=did_you_mean(common.split, SPLITS))
    return Request(
        tasks=[Task.of(name, config, style)],
        seed=common.seed,
        plan=FramePlan.of(common.frames, common.fps),
        video=common.video,
        rule=SplitRule.parse(common.splits),
        split=common.split,
        allow_duplicates=common.allow_duplicates,
    )


def _build(
    name: str,
    config: Mapping[str, Any],
    style: Mapping[str, Any],
    common: Common,
    default_out: Path,
) -> None:
    from vtb.data.build import build, rehearse
    from vtb.run.executor import usable_cpus

    more_config, more_style = _settings(common.settings)
    request = _request(name, {**config, **more_config}, {**style, **more_style}, common)
    out = common.out or default_out
    if common.dry_run:
        _show_rehearsal(rehearse(request, common.count), out, common)
        return
    result = build(
        request,
        out.resolve(),
        common.count,
        shard_size=common.shard_size,
        workers=common.workers or usable_cpus(),
        force=common.force,
    )
    emit("vtb.gen/1", _payload(result), _text(result), common.json_mode)
    place = quote(str(out))
    next_steps(f"vtb data verify {place}", f"vtb data view {place}")


def _payload(result: BuildResult) -> dict[str, Any]:
    return {
        "out": str(result.out),
        "count": result.count,
        "splits": result.splits,
        "unique": result.unique,
        "capacity": result.capacity,
        "seconds": round(result.seconds, 3),
        "samples_per_second": round(result.made / result.seconds, 2),
    }


def _text(result: BuildResult) -> str:
    state = f"made {result.made:,} samples" if result.made else "already complete"
    capacity = _capacity(result.capacity)
    splits = ", ".join(f"{name} {rows:,}" for name, rows in result.splits.items())
    return (
        f"{state}: {result.out} holds {result.count:,}\n"
        f"distinct: {result.unique:,} of {capacity}\n"
        f"splits: {splits}\n"
        f"preview: {result.out / 'preview.png'}"
    )


def _show_rehearsal(rehearsal: Rehearsal, out: Path, common: Common) -> None:
    capacity = _capacity(rehearsal.capacity)
    splits = ", ".join(f"{split} {rows:,}" for split, rows in rehearsal.splits.items())
    text = (
        f"would make {common.count:,} samples in {out}\n"
        f"distinct: {rehearsal.unique:,} of {capacity}\nsplits: {splits}"
    )
    payload = {"out": str(out.resolve()), "count": common.count, **asdict(rehearsal)}
    emit("vtb.gen.plan/1", payload, text, common.json_mode)


def _capacity(capacity: int | None) -> str:
    return "practically unbounded" if capacity is None else f"at most {capacity:,}"
