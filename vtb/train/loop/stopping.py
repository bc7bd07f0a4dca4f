"""Ending a training process from outside, after the step it is in."""

from __future__ import annotations

import os
import signal
from types import FrameType

from vtb.run.launch import LAUNCHER_PID


class StopRequest:
    """Notes SIGINT and SIGTERM, and the death of the parent process, instead of dying of them."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._parent = os.getppid()
        self._launcher = int(os.environ.get(LAUNCHER_PID, self._parent))

    def install(self) -> None:
        """Takes over the two signals of this process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    @property
    def signal(self) -> int | None:
        """The signal that asks for the end, if any.

        A launcher killed by SIGKILL cannot forward anything, and its successor would start a
        second process beside this one, so an orphan stops as if by SIGTERM.
        """
        is_orphan = os.getppid() != self._parent or not _is_alive(self._launcher)
        return signal.SIGTERM if is_orphan else self._signal

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
