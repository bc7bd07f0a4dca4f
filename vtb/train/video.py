"""What runs inside a training process; `ChildArguments` is its command line."""

from __future__ import annotations

import sys
from functools import partial

from vtb.run.rundir import RunDirectory
from vtb.train.launch.child import ChildArguments
from vtb.train.loop.loop import Loop
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.trackers import tracker_sinks
from vtb.train.process import run_process
from vtb.train.session import Session, Stopped
from vtb.train.trainee import Trainee, encode_all, load_trainee


def train(arguments: ChildArguments, stop: StopRequest) -> bool:
    """Trains the recipe in a run directory; returns whether it came to its end.

    What the cache lacks is encoded first, each process its share, and the encoders are freed. Goes
    on from the newest checkpoint. At the end the main process writes `final/`.
    """
    session = Session.open(arguments, stop)
    with session.dog:
        try:
            if arguments.is_cache_only:
                encode_all(session)
                return True
            return _train(session, load_trainee(session))
        except Stopped:
            return False


def _train(session: Session, trainee: Trainee) -> bool:
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
            strategy=recipe.dist.strategy,
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


def main() -> None:
    """Trains what the command line says; exits with 128 + signal when stopped."""
    arguments = ChildArguments.parse(sys.argv[1:])
    run_process(RunDirectory(arguments.run), partial(train, arguments))
