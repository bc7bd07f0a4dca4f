"""Progress bars of a run, driven by the files that its processes write."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json
from vtb.run.progress import Advance, progress
from vtb.run.rundir import RunDirectory


@contextmanager
def watching(run: RunDirectory, stop_at: int, first: int) -> Generator[Callable[[], None]]:
    """Yields a function that shows how far encoding, and then training, has come.

    `first` is the step at which training begins.
    """
    with ExitStack() as bars:
        yield _Watch(run, stop_at, first, bars)


class _Watch:
    def __init__(self, run: RunDirectory, stop_at: int, first: int, bars: ExitStack) -> None:
        self._run, self._stop_at, self._first, self._bars = run, stop_at, first, bars
        self._phase, self._shown = "", 0
        self._advance: Advance = _silent

    def __call__(self) -> None:
        event = self._run.last_event()
        if event.get("step", 0) > self._first:
            loss = event.get("loss")
            note = "" if loss is None else f"loss {loss:.4f}"
            self._show("training", event["step"], self._stop_at, self._first, note)
            return
        with suppress(UnreadableError):  # not there yet, or just removed by the process it is of
            state = read_json(self._run.encoding)
            self._show("encoding", state["encoded"], state["of"], 0, "")

    def _show(self, phase: str, done: int, total: int, first: int, note: str) -> None:
        if phase != self._phase:
            self._bars.close()
            self._advance = self._bars.enter_context(progress(phase, total, first))
            self._phase, self._shown = phase, first
        if done > self._shown:
            self._advance(done - self._shown, note)
            self._shown = done


def _silent(count: int, note: str = "") -> None:
    pass
