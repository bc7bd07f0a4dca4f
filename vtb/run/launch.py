"""Executes a Plan as a child process and watches over it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from vtb.core.errors import ChildFailedError
from vtb.core.files import atomic_write, translate_os_error
from vtb.run.environment import redact
from vtb.run.plan import Plan

# Tells a process how to find out that we were killed, even through a launcher between us.
LAUNCHER_PID = "VTB_LAUNCHER_PID"
POLL_S = 0.2
GRACE_S = 60.0
TAIL_LINES = 15
MESSAGE_LINES = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ending:
    """Whether a child came to its end, and the first signal that arrived until then."""

    is_complete: bool = True
    signal: int | None = None


@dataclass(slots=True)
class _Received:
    signals: list[int] = field(default_factory=list[int])


def execute(
    plan: Plan,
    log: Path,
    watch: Callable[[], None],
    *,
    grace_s: float = GRACE_S,
) -> Ending:
    """Writes the plan's files and runs its argv to the end.

    Both output streams are appended to `log`; `watch` is called five times a second. SIGINT and
    SIGTERM reach the whole process group of the child as SIGTERM, once; after `grace_s` seconds
    SIGKILL follows. Raises ChildFailedError with the end of the log when the child fails by
    itself.
    """
    received = _Received()
    start = log.stat().st_size if log.exists() else 0
    for path, text in plan.files.items():
        atomic_write(Path(path), text)
    with _stop_signals(received):
        child = _start(plan, log)
        try:
            code = _wait(child, received, watch, grace_s)
        finally:
            _kill_group(child, signal.SIGKILL)
    watch()
    if code and not received.signals:
        raise _failure(plan, log, start, code)
    return Ending(code == 0, next(iter(received.signals), None))


def _start(plan: Plan, log: Path) -> subprocess.Popen[bytes]:
    try:
        with log.open("ab") as sink:
            # A session of its own: Ctrl-C reaches it only through us, and once.
            return subprocess.Popen(
                plan.argv,
                cwd=plan.cwd,
                env={**os.environ, **plan.env, LAUNCHER_PID: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
    except OSError as error:
        raise translate_os_error(error, Path(plan.argv[0])) from error


def _wait(
    child: subprocess.Popen[bytes],
    received: _Received,
    watch: Callable[[], None],
    grace_s: float,
) -> int:
    told = False
    while True:
        try:
            return child.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            watch()
        if received.signals:
            if not told:
                _kill_group(child, signal.SIGTERM)
                told = True
            grace_s -= POLL_S
        if grace_s <= 0:
            _kill_group(child, signal.SIGKILL)


@contextmanager
def _stop_signals(received: _Received) -> Generator[None]:
    def note(number: int, frame: FrameType | None) -> None:
        received.signals.append(number)

    before = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill_group(child: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        return  # the group has ended


def _failure(plan: Plan, log: Path, start: int, code: int) -> ChildFailedError:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    # Our own processes end with a message for people, then a launcher adds its own; of others the
    # last lines must do.
    own = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    shown = lines[own[-1] :][:MESSAGE_LINES] if own else lines[-TAIL_LINES:]
    ending = f"signal {-code}" if code < 0 else f"code {code}"
    tail = "\n  ".join([f"`{' '.join(plan.argv)}` ended with {ending}", *shown])
    return ChildFailedError(
        "the training process failed", fact=redact(tail), hint=f"the whole log is {log}"
    )
