"""What runs inside a training process; `ChildArguments` is its command line."""

from __future__ import annotations

import sys
from functools import partial

from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.fit import fit
from vtb.train.launch.child import ChildArguments
from vtb.train.loop.stopping import StopRequest
from vtb.train.process import run_process
from vtb.train.session import Session, Stopped
from vtb.train.trainee import encode_all, load_trainee


def train(arguments: ChildArguments, stop: StopRequest) -> bool:
    """Trains the recipe in a run directory; returns whether it came to its end.

    What the cache lacks is encoded first, each process its share, and the encoders are freed. Goes
    on from the newest checkpoint. At the end the main process writes `final/`.
    """
    session = Session.open(arguments, stop, VideoRecipe, open_checkpoint)
    with session.dog:
        try:
            if arguments.is_cache_only:
                encode_all(session)
                return True
            return fit(session, load_trainee(session), session.recipe.dist.strategy)
        except Stopped:
            return False


def main() -> None:
    """Trains what the command line says; exits with 128 + signal when stopped."""
    arguments = ChildArguments.parse(sys.argv[1:])
    run_process(RunDirectory(arguments.run), partial(train, arguments))
