import sys
from pathlib import Path

import pytest

from vtb.core import registry
from vtb.core.answers import wrap
from vtb.core.files import read_json_lines
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.run.launch import Ending
from vtb.train.launch.job import Machines

SFT, GRPO = "vlm/qwen3-vl-tiny-sft", "vlm/qwen3-vl-tiny-grpo"


@pytest.fixture(scope="session")
def squares_known():
    """Makes the puzzles of `squares.py` known in this process."""
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        from squares import Squares
    finally:
        sys.path.pop(0)
    load = registry.load
    with pytest.MonkeyPatch.context() as patch:
        known = {Squares.name: Squares()}
        patch.setattr(registry, "load", lambda name: known.get(name) or load(name))
        yield


@pytest.fixture(scope="session")
def squares(squares_known, tmp_path_factory):
    """Fifty coloured squares, all for training; do not write into it."""
    out = tmp_path_factory.mktemp("squares") / "set"
    task = Task.of("test-squares", {}, {})
    build(Request([task], 0, FramePlan.of(17, 16), False, split="train"), out, 50)
    return out


@pytest.fixture(scope="session")
def square_clips(squares_known, tmp_path_factory):
    """Forty squares, all for training, whose colour only the end of their clips shows."""
    out = tmp_path_factory.mktemp("square-clips") / "set"
    task = Task.of("test-squares", {}, {})
    build(Request([task], 0, FramePlan.of(21, 16), True, split="train"), out, 40)
    return out


@pytest.fixture
def job_of(tiny_qwen3_vl, squares):
    """Opens a job of a tiny recipe on the squares."""
    from vtb.train.vlm.job import open_vlm_job

    def open_(out, *overrides, recipe=SFT, model=None, data=None, max_steps=None, gpus=0):
        return open_vlm_job(
            recipe,
            overrides,
            data=data or squares,
            model=model or tiny_qwen3_vl,
            out=out,
            machines=Machines(num_gpus=gpus),
            max_steps=max_steps,
        )

    return open_


@pytest.fixture
def in_process():
    """A launch function that does the work of a plan in this process."""

    def launch(plan, log, watch):
        from vtb.train.loop.stopping import StopRequest
        from vtb.train.vlm.child import VlmChildArguments
        from vtb.train.vlm.main import work

        assert work(VlmChildArguments.parse(plan.argv[3:]), StopRequest())
        watch()
        return Ending()

    return launch


@pytest.fixture
def trained(job_of, in_process, tmp_path):
    """Trains in this process; returns the run directory. Warnings go into `said`."""
    from vtb.train.vlm.stages import run_vlm_job

    def train(*overrides, out="run", said=None, **options):
        job = job_of(tmp_path / out, *overrides, **options)
        said = [] if said is None else said
        run_vlm_job(job, warn=said.append, launch=in_process)
        return job.run

    return train


@pytest.fixture
def answers(squares, tmp_path):
    """Greedy answers of a model to the training puzzles, through `vtb infer vlm`."""
    from vtb.infer.chat.protocol import Sampling
    from vtb.infer.vlm import VlmRequest, infer_texts

    def ask(model, lora=None, out="answers"):
        request = VlmRequest(
            squares,
            tmp_path / out,
            model=model,
            lora=lora,
            split="train",
            sampling=Sampling(max_tokens=16),
            device="cpu",
        )
        infer_texts(request)
        return {
            row["sample_id"]: row["text"]
            for row in read_json_lines(request.out / "predictions.jsonl")
        }

    return ask


@pytest.fixture
def exact(squares, answers):
    """How many training puzzles a model answers exactly as it was taught."""

    def count(model, lora=None, out="answers"):
        rows = open_dataset(squares).rows("train", ["id", "answer"])
        truths = {row["id"]: wrap(row["answer"]) for row in rows}
        said = answers(model, lora, out)
        return sum(said[name] == truth for name, truth in truths.items())

    return count
