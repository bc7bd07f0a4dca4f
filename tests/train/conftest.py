import pytest

from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.train.launch.job import Machines, open_job

TINY = "video/wan2.2-ti2v-5b-tiny"


@pytest.fixture(scope="session")
def mazes(tmp_path_factory):
    """Three mazes with videos of 17 frames, all for training; do not write into it."""
    out = tmp_path_factory.mktemp("mazes") / "set"
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 16})
    build(Request([task], seed=0, plan=FramePlan.of(17, 16), video=True, split="train"), out, 3)
    return out


@pytest.fixture(scope="session")
def two_sizes(tmp_path_factory):
    """Five mazes of 64x64 px and three of 96x96, 17 frames each; do not write into it."""
    out = tmp_path_factory.mktemp("two_sizes") / "set"
    tasks = [
        Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": cell}, share=share)
        for cell, share in ((12, 5), (16, 3))
    ]
    build(Request(tasks, seed=0, plan=FramePlan.of(17, 16), video=True, split="train"), out, 8)
    return out


@pytest.fixture
def job_of(tiny_wan, mazes):
    """Opens a job of the tiny recipe, a few steps long unless overridden."""

    def open_(out, *overrides, max_steps=None, recipe=TINY, data=None, model=None, **options):
        return open_job(
            recipe,
            ["train.steps=6", "save.every=100", *overrides],
            data=data or mazes,
            model=model or tiny_wan,
            out=out,
            machines=options.pop("machines", Machines(num_gpus=0)),
            max_steps=max_steps,
            **options,
        )

    return open_


@pytest.fixture
def in_process():
    """A launch function that trains in this process."""

    def launch(plan, log, watch):
        from vtb.run.launch import Ending
        from vtb.train.launch.child import ChildArguments
        from vtb.train.loop.stopping import StopRequest
        from vtb.train.video import train

        assert train(ChildArguments.parse(plan.argv[3:]), StopRequest())
        watch()
        return Ending()

    return launch
