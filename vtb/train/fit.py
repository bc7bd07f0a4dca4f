"""Trains what a process has loaded, to its end or until it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from vtb.train.loop.loop import Loop, Observer
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.task import Task
from vtb.train.loop.trackers import tracker_sinks
from vtb.train.session import Session


class Trainee(Protocol):
    """A model in training, apart from the loop."""

    @property
    def task(self) -> Task:
        """What the loop trains."""
        ...

    def observers(self, loop: Loop, log: StepLog) -> Sequence[Observer]:
        """What is measured while it trains."""
        ...

    def write_final(self, step: int) -> None:
        """Writes `final/` with the present weights."""
        ...


def fit(session: Session[Any, Any], trainee: Trainee, strategy: str = "ddp") -> bool:
    """Goes on from the newest checkpoint; returns whether the training came to its end.

    Then the main process writes `final/`.
    """
    recipe, run = session.recipe, session.run
    with tracker_sinks(recipe.log.trackers if session.is_main else (), run) as trackers:
        log = StepLog(trainee.task, [events_file(run), *trackers] if session.is_main else [])
        loop = Loop(
            trainee.task,
            recipe.train,
            recipe.save,
            run,
            session.accelerator,
            log,
            strategy=strategy,
            saving=session.dog.paused,
        )
        reached = loop.run(
            steps=session.arguments.steps,
            stop_at=session.arguments.stop_at,
            stop=session.stop,
            observers=trainee.observers(loop, log),
            step_done=session.dog.step_done,
        )
    if reached.is_complete:
        with session.dog.paused(), loop.engine.whole(), loop.average.in_place():
            if session.is_main:
                trainee.write_final(reached.step)
    return reached.is_complete
