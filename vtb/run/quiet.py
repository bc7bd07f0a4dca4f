"""Keeps stdout clean while foreign libraries print to it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

TAIL_LINES = 30


@contextmanager
def quiet(log: Path | None = None) -> Generator[None]:
    """Sends stdout and stderr of the whole process to `log`, or to a temporary file.

    Works on the file descriptors too, so output of C++ code and of children goes the same way.
    When an exception passes, the last 30 lines that were written are replayed on stderr.
    """
    with _open(log) as sink:
        start = sink.seek(0, os.SEEK_END)
        try:
            with _redirected(sink):
                yield
        except Exception:
            _replay(sink, start)
            raise


def _open(log: Path | None) -> TextIO:
    if log is None:
        return tempfile.TemporaryFile("a+", buffering=1, encoding="utf-8", errors="replace")
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("a+", buffering=1, encoding="utf-8", errors="replace")


@contextmanager
def _redirected(sink: TextIO) -> Generator[None]:
    # Python's streams as well as the descriptors: under pytest or a notebook `sys.stdout` is not
    # descriptor 1.
    _flush()
    saved = [(descriptor, os.dup(descriptor)) for descriptor in (1, 2)]
    try:
        for descriptor, _ in saved:
            os.dup2(sink.fileno(), descriptor)
        with redirect_stdout(sink), redirect_stderr(sink):
            yield
    finally:
        _flush()
        for descriptor, copy in saved:
            os.dup2(copy, descriptor)
            os.close(copy)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _replay(sink: TextIO, start: int) -> None:
    sink.seek(start)
    tail = sink.read().splitlines(keepends=True)[-TAIL_LINES:]
    sys.stderr.write("".join(tail))
