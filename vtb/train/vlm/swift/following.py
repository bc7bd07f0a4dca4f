"""Brings what ms-swift writes into our run directory while it trains; imports no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from vtb.core.files import append_line
from vtb.train.vlm.completions import merge
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.metrics import FlatSteps
from vtb.train.vlm.swift.checkpoints import publish, remove_all
from vtb.train.vlm.swift.log import LOG, Tail, cut
from vtb.train.vlm.swift.settings import COMPLETIONS

Watch: TypeAlias = Callable[[], None]


@contextmanager
def following(job: VlmJob, watch: Watch) -> Generator[Watch]:
    """Yields a `watch` that first copies new events and links new checkpoints.

    A run that goes on forgets what came after its newest checkpoint.
    """
    run = job.run
    step = max(run.steps(), default=0)
    run.drop_events_after(step)
    cut(run.backend / LOG, step)
    follower = _Follower(job, step, watch)
    try:
        yield follower
    finally:
        follower()
        if noted := sorted(run.backend.glob(f"{COMPLETIONS}/*.jsonl")):
            merge(noted, run.completions)
    if run.steps() and max(run.steps()) >= job.stop_at:
        remove_all(run.backend)


class _Follower:
    def __init__(self, job: VlmJob, step: int, watch: Watch) -> None:
        self._job, self._watch = job, watch
        self._tail, self._flat = Tail(job.run.backend / LOG, step), FlatSteps()

    def __call__(self) -> None:
        run = self._job.run
        for event in self._tail.read():
            warning = self._flat.warning(event)
            said = {"warning": warning} if warning else {}
            append_line(run.events, json.dumps({**event, **said}), sync=False)
        publish(run.backend, run, world=self._job.cluster.world, keep=self._job.recipe.save.keep)
        self._watch()
