"""A run directory: what is being run, how far it has come, and what it left."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from vtb.core.errors import ConflictError
from vtb.core.files import (
    atomic_write,
    read_json,
    read_json_lines,
    remove_stale_temporaries,
)
from vtb.run.environment import redact
from vtb.run.plan import Plan
from vtb.run.provenance import git_state, host, versions
from vtb.run.settings import differences

# Longer than most events.
TAIL_BYTES = 16_384
Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What `run.json` says of a run besides its state.

    `settings` maps dotted keys to JSON values and decides what the run makes; a directory keeps
    one set of them. `inputs` are absolute paths. The run follows a schedule of `steps` and stops
    at `stop_at`, which may rise from one invocation to the next. `gpus` names the devices of this
    machine; `world` is the number of processes on all `nodes` machines.
    """

    id: str
    kind: str
    recipe_name: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    device: str
    steps: int
    stop_at: int
    gpus: tuple[str, ...] = ()
    nodes: int = 1
    world: int = 1


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The files of one run; nothing is written before `begin`."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe, TOML."""
        return self.path / "recipe.toml"

    @property
    def events(self) -> Path:
        """One JSON object per step, and one per measurement on held-out samples."""
        return self.path / "events.jsonl"

    @property
    def encoding(self) -> Path:
        """How far the encoding of samples has come, JSON."""
        return self.path / "encoding.json"

    @property
    def log(self) -> Path:
        """Everything the child process printed."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Directory of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        """Directory of the finished weights."""
        return self.path / "final"

    @property
    def previews(self) -> Path:
        """Directory of the clips sampled while training."""
        return self.path / "previews"

    @property
    def heartbeats(self) -> Path:
        """Directory with a file per process, changed while it makes progress."""
        return self.path / "heartbeats"

    @property
    def tensorboard(self) -> Path:
        """Directory of the log for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def data(self) -> Path:
        """Directory of the samples in the layout of a training library."""
        return self.path / "data"

    @property
    def backend(self) -> Path:
        """Directory where a training library writes; checkpoints leave it when they are whole."""
        return self.path / "backend"

    @property
    def preflight(self) -> Path:
        """What the base model earned before training began, JSON."""
        return self.path / "preflight.json"

    @property
    def tried(self) -> Path:
        """One JSON object per completion of the base model before training began."""
        return self.path / "tried.jsonl"

    @property
    def completions(self) -> Path:
        """One JSON object per completion that was rewarded."""
        return self.path / "completions.jsonl"

    def state(self) -> dict[str, Any]:
        """The content of `run.json`; empty before the first run."""
        path = self.path / "run.json"
        return read_json(path) if path.exists() else {}

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step is or will be."""
        return self.checkpoints / f"step-{step:06d}"

    def steps(self) -> list[int]:
        """Steps of the checkpoints there are, oldest first."""
        names = (path.name for path in self.checkpoints.glob("step-*") if path.is_dir())
        return sorted(int(name.removeprefix("step-")) for name in names)

    def is_complete(self, stop_at: int) -> bool:
        """Whether a run has ended well and its final weights are there.

        It ends at `stop_at` or later, or earlier when it decided so itself.
        """
        is_done = self.state().get("status") == "done" and self.final.is_dir()
        return is_done and (max(self.steps(), default=0) >= stop_at or self.is_finished)

    @property
    def is_finished(self) -> bool:
        """Whether the run ended itself before its last step, as its newest checkpoint says."""
        state = self.checkpoint(max(self.steps(), default=0)) / "state.json"
        return state.exists() and bool(read_json(state).get("is_finished"))

    def require_same(self, settings: Mapping[str, Any]) -> None:
        """Raises ConflictError naming every setting that differs from those of the run here."""
        state = self.state()
        differing = differences(state["settings"], settings) if state else []
        if differing:
            raise ConflictError(
                f"`{self.path}` holds a run with other settings",
                fact="; ".join(differing),
                hint="choose another directory with -o, or start over with --force",
            )

    def clear(self) -> None:
        """Removes everything that a run wrote, so that the next one starts from nothing."""
        for directory in (
            self.checkpoints,
            self.final,
            self.previews,
            self.heartbeats,
            self.tensorboard,
            self.data,
            self.backend,
        ):
            shutil.rmtree(directory, ignore_errors=True)
        for path in (
            self.recipe,
            self.events,
            self.encoding,
            self.log,
            self.preflight,
            self.tried,
            self.completions,
        ):
            path.unlink(missing_ok=True)
        for name in ("run.json", "plan.json"):
            (self.path / name).unlink(missing_ok=True)

    def begin(self, record: RunRecord, recipe_toml: str, plan: Plan) -> None:
        """Records a run as started, or as resumed from its newest checkpoint."""
        before = self.state()
        # The training process reads it back; a recipe holds neither paths nor secrets.
        atomic_write(self.recipe, recipe_toml)
        self._write("plan.json", plan.payload())
        self._write(
            "run.json",
            {
                "schema": "vtb.run/1",
                "id": record.id,
                "kind": record.kind,
                "recipe": record.recipe_name,
                "settings": dict(record.settings),
                "inputs": dict(record.inputs),
                "device": record.device,
                "steps": record.steps,
                "stop_at": record.stop_at,
                "versions": versions(),
                "git": git_state(),
                "host": host(),
                "gpus": list(record.gpus),
                "nodes": record.nodes,
                "world_size": record.world,
                "status": "running",
                "started": before.get("started", _now()),
                "ended": None,
                "resume": "exact",
                "resume_count": before.get("resume_count", -1) + 1,
                "resumed_from": max(self.steps(), default=0),
            },
        )

    def end(self, status: Status) -> None:
        """Records how the run ended."""
        self._write("run.json", {**self.state(), "status": status, "ended": _now()})

    def last_event(self) -> dict[str, Any]:
        """The last complete line of the log of steps; empty before there is one of usual length."""
        if not self.events.exists():
            return {}
        with self.events.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            complete = file.read().rpartition(b"\n")[0]
        # A step that names all samples of a large batch may be longer than what was read.
        with suppress(json.JSONDecodeError):
            return json.loads(complete.rpartition(b"\n")[2] or b"{}")
        return {}

    def drop_events_after(self, step: int) -> None:
        """Cuts the log of steps back to a checkpoint, so that each step stands in it once."""
        kept = (row for row in read_json_lines(self.events) if row.get("step", 0) <= step)
        atomic_write(self.events, "".join(_line(row) for row in kept))

    def remove_leftovers(self) -> None:
        """Removes what a killed process was still writing."""
        remove_stale_temporaries(self.path, self.checkpoints)

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        atomic_write(self.path / name, redact(_pretty(value)))


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
