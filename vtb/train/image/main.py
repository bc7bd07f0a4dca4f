"""What runs inside a training process of `vtb train image`."""

from __future__ import annotations

import sys
from functools import partial

from vtb.models.qwen_image.checkpoint import open_checkpoint
from vtb.recipe.image import ImageRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.fit import fit
from vtb.train.image.trainee import ImageTrainee
from vtb.train.launch.child import ChildArguments
from vtb.train.loop.stopping import StopRequest
from vtb.train.process import run_process
from vtb.train.session import Session, Stopped


def train(arguments: ChildArguments, stop: StopRequest) -> bool:
    """Trains the recipe in a run directory; returns whether it came to its end.

    What the cache lacks is encoded first, each process its share, and the encoders are freed.
    """
    session = Session.open(arguments, stop, ImageRecipe, open_checkpoint)
    with session.dog:
        try:
            return fit(session, ImageTrainee.load(session))
        except Stopped:
            return False


def main() -> None:
    """Trains what the command line says; exits with 128 + signal when stopped."""
    arguments = ChildArguments.parse(sys.argv[1:])
    run_process(RunDirectory(arguments.run), partial(train, arguments))
