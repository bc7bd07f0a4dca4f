"""`vtb cache`: look at and tidy the cache of encoded clips, pictures and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vtb.cli.options import DryRun, JsonMode, Quiet, Verbose
from vtb.cli.output import emit, next_steps

if TYPE_CHECKING:
    from vtb.train.latents.upkeep import Collected, Usage

app = typer.Typer(no_args_is_help=True, help="Look at and tidy the cache of encoded samples.")


@app.command()
def ls(json_mode: JsonMode = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """List what is encoded, by model."""
    from vtb.core.home import cache_root
    from vtb.train.latents.upkeep import usages

    root = cache_root()
    found = usages(root)
    payload = {
        "root": str(root),
        "models": [
            {
                "family": usage.family,
                "path": str(usage.directory),
                "latents": usage.latents,
                "texts": usage.texts,
                "bytes": usage.size_bytes,
                "last_used": _moment(usage.last_used),
            }
            for usage in found
        ],
        "bytes": sum(usage.size_bytes for usage in found),
    }
    emit("vtb.cache.ls/1", payload, _list_text(root, found), json_mode)
    if found:
        next_steps("vtb cache gc --dry-run")
    else:
        next_steps("vtb train video --recipe NAME --data DIR --model DIR -o RUN --cache-only")


@app.command()
def gc(
    days: Annotated[
        float, typer.Option(min=0, help="Remove what no run has used for so many days.")
    ] = 30,
    dry_run: DryRun = False,
    json_mode: JsonMode = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Remove leftovers, damaged and outdated files, and what has not been used for long."""
    from vtb.core.home import cache_root
    from vtb.train.latents.upkeep import collect

    root = cache_root()
    done = collect(root, unused_days=days, dry_run=dry_run)
    payload = {
        "root": str(root),
        "dry_run": dry_run,
        "removed": dict(done.removed),
        "removed_bytes": done.removed_bytes,
        "kept": done.kept,
        "kept_bytes": done.kept_bytes,
    }
    emit("vtb.cache.gc/1", payload, _collected_text(done, dry_run), json_mode)
    next_steps(f"vtb cache gc --days {days:g}" if dry_run else "vtb cache ls")


def _list_text(root: Path, found: Sequence[Usage]) -> str:
    if not found:
        return f"nothing is cached\n{root}"
    width = max(len(usage.directory.name) for usage in found)
    lines = [
        f"{usage.directory.name:<{width}}  {usage.latents:,} latents, {usage.texts:,} prompts, "
        f"{_megabytes(usage.size_bytes)}, used {(_moment(usage.last_used) or 'never')[:10]}"
        for usage in found
    ]
    return "\n".join([*lines, str(root)])


def _collected_text(done: Collected, dry_run: bool) -> str:
    count = sum(done.removed.values())
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in done.removed.items() if n)
    what = f"{'would remove' if dry_run else 'removed'} {count:,} files"
    return (
        f"{what}{f' ({reasons})' if reasons else ''}, {_megabytes(done.removed_bytes)}; "
        f"{done.kept:,} files, {_megabytes(done.kept_bytes)}, stay"
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _moment(seconds: float | None) -> str | None:
    """UTC, ISO 8601."""
    return (
        None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")
    )
