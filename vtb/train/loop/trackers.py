"""The log of steps in other programs too: TensorBoard, Weights & Biases, trackio."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from vtb.core.errors import MissingEnvironmentError
from vtb.run.rundir import RunDirectory

if TYPE_CHECKING:
    from vtb.train.loop.step_log import Sink

PROJECT = "vtb"


class _Tracker(Protocol):
    def log(self, values: Mapping[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


def require_trackers(
    names: Sequence[str], is_installed: Callable[[str], object] = find_spec
) -> None:
    """Raises MissingEnvironmentError for a tracker that is not installed; imports none."""
    missing = [name for name in names if is_installed(name) is None]
    if missing:
        raise MissingEnvironmentError(
            f"the recipe logs to {' and '.join(missing)}",
            fact=f"{missing[0]} is not installed",
            hint=f"pip install {' '.join(missing)}; or -s log.trackers=[]",
        )


@contextmanager
def tracker_sinks(names: Sequence[str], run: RunDirectory) -> Generator[list[Sink]]:
    """Sinks for the events of a run, with its settings as configuration; closed at the end.

    Settings come from `run.json`, which holds no secrets. A resumed run goes on in the same
    place. Raises MissingEnvironmentError when one cannot start; one that fails later is left out
    from then on, because no training should end for that.
    """
    state = run.state()
    started: dict[str, _Tracker] = {}
    try:
        for name in names:
            started[name] = _start(name, run, state)
        yield [_sink(name, tracker) for name, tracker in started.items()]
    finally:
        for name, tracker in started.items():
            _attempt(name, tracker.finish)


def numbers(event: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of an event but its step; those of a group as `group/name`."""
    found: dict[str, float] = {}
    for key, value in event.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key != "step":
            found[prefix + key] = value
    return found


def _start(name: str, run: RunDirectory, state: Mapping[str, Any]) -> _Tracker:
    try:
        return _TensorBoard(run, state) if name == "tensorboard" else _Hosted(name, run, state)
    except Exception as error:
        raise MissingEnvironmentError(
            f"tracker `{name}` cannot start",
            fact=str(error),
            hint="log in to it, or train with -s log.trackers=[]",
        ) from error


def _sink(name: str, tracker: _Tracker) -> Sink:
    has_failed = False

    def log(event: Mapping[str, Any]) -> None:
        nonlocal has_failed
        values = numbers(event)
        if "step" in event and values and not has_failed:
            has_failed = not _attempt(name, lambda: tracker.log(values, event["step"]))

    return log


def _attempt(name: str, act: Callable[[], None]) -> bool:
    try:
        act()
    except Exception as error:  # whatever a foreign program raises
        sys.stderr.write(f"warning: tracker `{name}` failed: {error}\n")
        return False
    return True


class _TensorBoard:
    """Writes into `tensorboard/` of the run; steps that a resumed run repeats are hidden."""

    def __init__(self, run: RunDirectory, state: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        first = state["resumed_from"] + 1
        self._writer = SummaryWriter(str(run.tensorboard), purge_step=first)
        lines = json.dumps(state["settings"], indent=2).splitlines()
        # Four spaces make it a block of code.
        self._writer.add_text("settings", "\n".join("    " + line for line in lines), first - 1)

    def log(self, values: Mapping[str, float], step: int) -> None:
        for key, value in values.items():
            self._writer.add_scalar(key, value, step)

    def finish(self) -> None:
        self._writer.close()


class _Hosted:
    """A run of Weights & Biases, or of trackio, which has the same interface."""

    def __init__(self, name: str, run: RunDirectory, state: Mapping[str, Any]) -> None:
        options = {"name": state["id"], "config": state["settings"], "resume": "allow"}
        if name == "wandb":
            origin = f"{state['started']} {run.path}"
            options["id"] = hashlib.blake2b(origin.encode(), digest_size=8).hexdigest()
            options["dir"] = str(run.path)
        self._run: Any = import_module(name).init(project=PROJECT, **options)

    def log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def finish(self) -> None:
        self._run.finish()
