"""Progress on stderr: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

PLAIN_EVERY_S = 10.0


class Advance(Protocol):
    """Moves a bar on by `count` items; a `note`, such as a loss, stands beside it."""

    def __call__(self, count: int, note: str = "") -> None:
        """Shows it."""
        ...


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def progress(description: str, total: int, done: int = 0) -> Generator[Advance]:
    """Yields a function that advances one phase of `total` items, `done` of them from before.

    `NO_PROGRESS` (set by `--quiet`) silences it; `CI` or a pipe gives plain lines.
    """
    if os.environ.get("NO_PROGRESS"):
        yield lambda count, note="": None
    elif sys.stderr.isatty() and not os.environ.get("CI"):
        with _bar(description, total, done) as advance:
            yield advance
    else:
        yield _plain(description, total, done)


@contextmanager
def _bar(description: str, total: int, done: int) -> Generator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    # A handle of its own: `quiet` redirects stderr while a model runs, and the bar must go on.
    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8") as terminal,
        Progress(*columns, console=Console(file=terminal), transient=True) as bar,
    ):
        task = bar.add_task(description, total=total, completed=done)
        yield lambda count, note="": bar.update(
            task, advance=count, description=f"{description} {note}".rstrip()
        )


def _plain(description: str, total: int, done: int) -> Advance:
    start = last = time.monotonic()
    before = done

    def advance(count: int, note: str = "") -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last < PLAIN_EVERY_S:
            return
        last = now
        rate = (done - before) / (now - start)
        remaining_s = (total - done) / rate if rate else 0.0
        parts = (f"{rate:.1f}/s", f"about {remaining_s:.0f} s left", note)
        line = f"{description} {done}/{total}, {', '.join(filter(None, parts))}"
        sys.stderr.write(line + "\n")

    return advance
