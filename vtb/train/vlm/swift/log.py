"""ms-swift's `logging.jsonl` as events of a run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from vtb.core.files import atomic_write, read_json_lines
from vtb.train.vlm.metrics import BY_TASK
from vtb.train.vlm.metrics import NAMES as TRL_NAMES

LOG = "logging.jsonl"
PROGRESS = "global_step/max_steps"
NAMES: Mapping[str, str] = {
    **TRL_NAMES,
    "loss": "loss",
    "grad_norm": "grad_norm",
    "token_acc": "token_acc",
    "entropy/mean": "entropy",
    "memory(GiB)": "memory_gib",
}
# The class of a reward, by which ms-swift names it.
PART = re.compile(r"rewards/Vtb(?P<name>\w+)/mean")


def event_of(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event of a line of the log; None for a summary, which belongs to no step.

    Numbers that are not finite become None. Names are those of `vtb.train.vlm.metrics`.
    """
    step = _step(row)
    if step is None:
        return None
    facts = {NAMES[name]: _finite(value) for name, value in row.items() if name in NAMES}
    found = ((PART.fullmatch(name), value) for name, value in row.items())
    parts = {_snake_case(match["name"]): _finite(value) for match, value in found if match}
    more = {"reward_parts": parts, BY_TASK: row.get(BY_TASK)}  # the latter from our callback
    return {"step": step, **facts, **{name: value for name, value in more.items() if value}}


def cut(log: Path, step: int) -> None:
    """Leaves one line for each step up to a checkpoint's, before a process goes on from there."""
    if log.exists():
        kept = _newest(read_json_lines(log), step)
        atomic_write(log, "".join(json.dumps(row) + "\n" for row in kept))


class Tail:
    """Reads a log that grows, each step once; those up to `after` have been read already."""

    def __init__(self, log: Path, after: int) -> None:
        self._log, self._last, self._offset = log, after, 0

    def read(self) -> list[dict[str, Any]]:
        """Events of the steps that were added since the last call, in order.

        A line that is still being written is left for the next call.
        """
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._offset)
            complete, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(complete + newline)
        events: list[dict[str, Any]] = []
        for line in complete.split(b"\n"):
            with suppress(ValueError):  # torn by a kill
                event = event_of(json.loads(line))
                if event and event["step"] > self._last:
                    events.append(event)
                    self._last = event["step"]
        return events


def _newest(rows: Iterable[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    by_step = {number: row for row in rows if (number := _step(row)) is not None}
    return [by_step[number] for number in sorted(by_step) if number <= step]


def _step(row: Mapping[str, Any]) -> int | None:
    # Its own summary says how far it came, too.
    if PROGRESS not in row or "loss" not in row:
        return None
    return int(str(row[PROGRESS]).partition("/")[0])


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None
