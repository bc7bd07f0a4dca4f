"""`vtb data`: look at, check and move a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import typer

from vtb.cli.options import DataDir, Force, JsonMode, Limit, Out, Quiet, Verbose, Workers
from vtb.cli.output import emit, next_steps

SHOWN_SHORTCUTS = 5

app = typer.Typer(no_args_is_help=True, help="Look at, check and move a dataset.")


@app.command()
def verify(
    directory: DataDir,
    limit: Limit = None,
    corruptions: Annotated[bool, typer.Option(help="Try corrupted answers too.")] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Drop shards with a wrong hash.")] = (
        False
    ),
    workers: Workers = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run every truth and every corruption through the verifier; exit 3 when one surprises."""
    from vtb.data.store import open_dataset
    from vtb.data.verify import verify as verify_dataset
    from vtb.run.executor import usable_cpus

    report = verify_dataset(
        open_dataset(directory.resolve()),
        limit=limit,
        corruptions=corruptions,
        repair=repair,
        workers=workers or usable_cpus(),
    )
    payload = report.payload()
    emit("vtb.data.verify/1", payload, _verify_text(payload, report.bad_shards), json_mode)
    if report.bad_shards and not repair:
        next_steps(f"vtb data verify {quote(str(directory))} --repair, then `vtb gen` as before")
    if not report.ok:
        raise typer.Exit(3)
    next_steps(f"vtb data view {quote(str(directory))}")


def _verify_text(payload: dict[str, Any], bad_shards: Sequence[str]) -> str:
    truths, shards = payload["truths"], payload["shards"]
    lines = [
        f"{'ok' if payload['ok'] else 'FAILED'}: {payload['n']:,} samples",
        f"truths passed: {truths['passed']:,}, failed: {truths['failed']:,}",
        f"shards sound: {shards['ok']}, bad: {shards['bad']}",
    ]
    lines += [f"bad shard: {name}" for name in bad_shards]
    lines += [
        f"{name:<24} {count['rejected']:,} of {count['n']:,} rejected"
        for name, count in payload["corruptions"].items()
    ]
    return "\n".join(lines + [f"{f['id']}: {f['reason']}" for f in payload["failures"]])


@app.command()
def stat(
    directory: DataDir, json_mode: JsonMode = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Show counts, balance, difficulty and sizes."""
    from vtb.data.stat import stat as stat_dataset
    from vtb.data.store import open_dataset

    payload = stat_dataset(open_dataset(directory.resolve()))
    emit("vtb.data.stat/1", payload, _stat_text(payload), json_mode)


def _stat_text(payload: dict[str, Any]) -> str:
    media = payload["media"]
    clip = f"{media['frames']} frames at {media['fps']:g} fps" if media["frames"] else "no videos"
    lines = [
        f"{payload['count']:,} samples, {payload['unique']:,} distinct, {payload['bytes']:,} bytes",
        "splits: " + ", ".join(f"{name} {n:,}" for name, n in payload["splits"].items()),
        "tasks: " + ", ".join(f"{name} {n:,}" for name, n in payload["tasks"].items()),
        f"media: {media['height']}x{media['width']}, {clip}",
        f"{'difficulty':<14}{'min':>9}{'median':>9}{'max':>9}",
    ]
    lines += [
        f"{name:<14}{value['min']:>9.4g}{value['p50']:>9.4g}{value['max']:>9.4g}"
        for name, value in payload["difficulty"].items()
    ]
    return "\n".join(lines)


@app.command()
def overlap(
    a: Annotated[Path, typer.Argument(metavar="A", help="Dataset, such as the training set.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Dataset whose samples are looked up.")],
    split_a: Annotated[str, typer.Option(help="Split of A.")] = "all",
    split_b: Annotated[str, typer.Option(help="Split of B.")] = "all",
    fail_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit 3 above this share of B, up to symmetry."),
    ] = None,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Count the samples of B that stand in A: exactly, up to symmetry, with equal solution."""
    from vtb.data.overlap import overlap as compare
    from vtb.data.store import open_dataset

    found = compare(open_dataset(a.resolve()), open_dataset(b.resolve()), split_a, split_b)
    text = (
        f"of {found['n_b']:,} samples, in the {found['n_a']:,} others: "
        f"{found['exact']:,} exactly, {found['symmetric']:,} up to symmetry, "
        f"{found['solution']:,} with equal solution"
    )
    emit("vtb.data.overlap/1", found, text, json_mode)
    if fail_above is not None and found["symmetric"] > fail_above * found["n_b"]:
        raise typer.Exit(3)


@app.command()
def audit(
    directory: DataDir,
    fail_above: Annotated[
        float,
        typer.Option(min=0, max=1, help="Exit 3 when a shortcut surely beats chance by more."),
    ] = 0.1,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look for shortcuts, uneven letters, repeats and leaks; exit 3 past the limits."""
    from vtb.data.audit import audit as audit_dataset
    from vtb.data.store import open_dataset

    payload = audit_dataset(open_dataset(directory.resolve()), fail_above)
    emit("vtb.data.audit/1", payload, _audit_text(payload), json_mode)
    if payload["faults"]:
        next_steps(
            f"vtb data view {quote(str(directory))}",
            f"vtb data audit {quote(str(directory))} --json",
        )
        raise typer.Exit(3)
    next_steps(f"vtb data verify {quote(str(directory))}")


def _audit_text(payload: dict[str, Any]) -> str:
    from vtb.data.shortcuts import ranked

    lines = [f"{'ok' if payload['ok'] else 'FAILED'}: {payload['n']:,} samples"]
    for name, task in payload["tasks"].items():
        rules = ranked(payload["heuristics"], name)[:SHOWN_SHORTCUTS]
        lines += ["", _repeats_text(name, task), *_shortcut_lines(rules)]
    return "\n".join([*lines, *([""] if payload["faults"] else []), *payload["faults"]])


def _repeats_text(name: str, task: dict[str, Any]) -> str:
    capacity = "unbounded" if task["capacity"] is None else f"{task['capacity']:,}"
    parts = [
        f"{name}: {task['n']:,} samples",
        f"{task['distinct']:,} distinct",
        f"{task['near_duplicates']:,} near-duplicates",
        f"capacity {capacity}",
    ]
    if task["label_p"] is not None:
        parts.append(f"labels p {task['label_p']:.2g}")
    if task["shared_solutions"]:
        parts.append(f"{task['shared_solutions']:,} held-out samples with a solution of train")
    return ", ".join(parts)


def _shortcut_lines(rules: Sequence[tuple[str, Any]]) -> list[str]:
    from vtb.data.shortcuts import percent

    if not rules:
        return []
    lines = [f"  {'shortcut':<28}{'n':>8}{'right, %':>10}{'99.9 %':>13}{'chance':>8}"]
    for name, found in rules:
        interval = f"{percent(found['low'])}-{percent(found['high'])}"
        line = (
            f"  {name:<28}{found['n']:>8,}{percent(found['accuracy']):>10}"
            f"{interval:>13}{percent(found['chance']):>8}"
        )
        lines.append(line if found["limited"] else f"{line}  not limited")
    return lines


@app.command()
def view(
    directory: DataDir,
    sample_id: Annotated[str | None, typer.Option("--id", help="One sample in detail.")] = None,
    pred: Annotated[Path | None, typer.Option(help="Predictions to show beside.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Samples on the sheet.")] = 64,
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write an HTML contact sheet."""
    from vtb.data.source import open_source
    from vtb.data.view import write_view

    target = (out or directory).resolve()
    page = target if target.suffix == ".html" else target / "view.html"
    shown = write_view(
        open_source(directory.resolve()),
        page,
        sample_id=sample_id,
        predictions=pred,
        limit=limit,
        force=force,
    )
    emit("vtb.data.view/1", {"html": str(page), "n": shown}, str(page), json_mode)


@app.command()
def export(
    directory: DataDir,
    to: Annotated[
        str,
        typer.Option(
            help="diffsynth-image, diffsynth-video, files, ms-swift, ms-swift-video, trl, vbvr, "
            "videothinkbench or webdataset."
        ),
    ],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "all",
    prompt_language: Annotated[Literal["en", "zh"], typer.Option(help="Language.")] = "en",
    out: Out = None,
    force: Force = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the dataset in another project's layout."""
    from vtb.data.export import export as export_dataset
    from vtb.data.store import open_dataset

    target = (out or directory.with_name(f"{directory.resolve().name}-{to}")).resolve()
    dataset = open_dataset(directory.resolve())
    result = export_dataset(dataset, to, target, split=split, language=prompt_language, force=force)
    payload = {
        "to": to,
        "out": str(result.out),
        "count": result.count,
        "skipped": dict(result.skipped),
        "files": result.files,
    }
    skipped = ", ".join(f"{reason} {n:,}" for reason, n in result.skipped.items()) or "none"
    text = f"{result.count:,} samples in {result.out}\nskipped: {skipped}"
    emit("vtb.data.export/1", payload, text, json_mode)
