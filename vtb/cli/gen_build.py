"""What all `vtb gen` commands share: their options, and building what was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vtb.cli.options import DryRun, Force, JsonMode, Out, Quiet, Settings, Verbose, Workers
from vtb.cli.output import emit, next_steps, warn
from vtb.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vtb.data.build import BuildResult, Rehearsal
    from vtb.data.choice import Choice
    from vtb.data.request import Request

DEFAULT_COUNT = 100
# A plan is held in memory; more samples are several datasets with seeds of their own.
MAX_COUNT = 10_000_000


@dataclass(frozen=True, slots=True)
class Common:
    """The options that all `gen` commands share."""

    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            "-n",
            min=1,
            max=MAX_COUNT,
            help="Samples in the whole dataset.",
            show_default="100; arc and mixtures: all",
        ),
    ] = None
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


def build(
    choices: Sequence[Choice],
    common: Common,
    default_out: Path,
    default_count: int | None = DEFAULT_COUNT,
) -> None:
    """Builds the dataset and prints what it holds; a default count of None means all there are."""
    from vtb.data.build import build as build_dataset
    from vtb.data.build import rehearse
    from vtb.run.executor import usable_cpus

    for text in dict.fromkeys(choice.note for choice in choices if choice.note):
        warn(text)
    request = _request(choices, common)
    count = common.count or default_count or _all_there_are(request)
    out = common.out or default_out
    if common.dry_run:
        _show_rehearsal(rehearse(request, count), out, count, common)
        return
    result = build_dataset(
        request,
        out.resolve(),
        count,
        shard_size=common.shard_size,
        workers=common.workers or usable_cpus(),
        force=common.force,
    )
    emit("vtb.gen/1", _payload(result), _text(result), common.json_mode)
    place = quote(str(out))
    next_steps(f"vtb data verify {place}", f"vtb data view {place}")


def _request(choices: Sequence[Choice], common: Common) -> Request:
    from vtb.core.frames import FramePlan
    from vtb.core.splits import SPLITS, SplitRule
    from vtb.data.request import Request

    if common.split is not None and common.split not in SPLITS:
        raise UsageError(f"unknown split `{common.split}`", hint=did_you_mean(common.split, SPLITS))
    return Request(
        tasks=[choice.task() for choice in choices],
        seed=common.seed,
        plan=FramePlan.of(common.frames, common.fps),
        video=common.video,
        rule=SplitRule.parse(common.splits),
        split=common.split,
        allow_duplicates=common.allow_duplicates,
    )


def _all_there_are(request: Request) -> int:
    from vtb.data.capacity import check_capacity
    from vtb.data.rows import require_drawable

    capacity = check_capacity(request, 0)
    if not capacity:
        require_drawable(request)  # an input that is not there has no capacity either
        raise UsageError("how many samples there are is not known", hint="say how many with -n")
    return capacity


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


def _show_rehearsal(rehearsal: Rehearsal, out: Path, count: int, common: Common) -> None:
    capacity = _capacity(rehearsal.capacity)
    splits = ", ".join(f"{split} {rows:,}" for split, rows in rehearsal.splits.items())
    text = (
        f"would make {count:,} samples in {out}\n"
        f"distinct: {rehearsal.unique:,} of {capacity}\nsplits: {splits}"
    )
    payload = {"out": str(out.resolve()), "count": count, **asdict(rehearsal)}
    emit("vtb.gen.plan/1", payload, text, common.json_mode)


def _capacity(capacity: int | None) -> str:
    from vtb.data.capacity import say_capacity

    return "at most " * (capacity is not None) + say_capacity(capacity)
