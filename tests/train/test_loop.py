"""The loop with a toy model: steps, accumulation, exact resume, guards, checkpoints."""

import math
import signal

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import nn

from vtb.core.errors import DiskError, TrainingDivergedError, UnreadableError
from vtb.core.files import read_json_lines
from vtb.recipe.schema import SaveTable, TrainTable
from vtb.run.rundir import RunDirectory
from vtb.train import checkpoint
from vtb.train.loop import Loop, learning_rate
from vtb.train.randomness import normal, shuffled_position
from vtb.train.stopping import StopRequest


class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.weight = nn.Parameter(torch.tensor([0.5, -0.5, 0.25]))

    def forward(self, sample):
        x, y = sample
        return ((x * self.frozen) @ self.weight - y) ** 2


class ToyTask:
    """Linear regression on numbered samples; the loss of those in `broken` is not finite."""

    num_samples = 5

    def __init__(self, broken=()):
        self.module = Regression()
        self._broken = broken

    def sample(self, counter):
        x = normal((3,), 0, "x", counter)
        return x * math.nan if counter in self._broken else x, x.sum()

    def describe(self, counter):
        return f"sample {counter}"

    def write_weights(self, path, step):
        save_file({"weight": self.module.weight.detach()}, path)

    def read_weights(self, path):
        self.module.weight.data.copy_(load_file(path)["weight"])


class StopAfter(StopRequest):
    """Asks for the end when it has been looked at so many times."""

    def __init__(self, looks):
        super().__init__()
        self._looks = looks

    @property
    def signal(self):
        self._looks -= 1
        return signal.SIGTERM if self._looks < 0 else None


def run_toy(path, task=None, *, steps=20, stop=None, every=100, keep=3, stop_at=None, **train):
    """Trains the toy in a run directory; returns the task and the step reached."""
    task = task or ToyTask()
    settings = {"warmup_steps": 3, "scheduler": "cosine", "accum": 2, "lr": 0.1, **train}
    save = SaveTable(every=every, keep=keep)
    path.mkdir(exist_ok=True)
    loop = Loop(task, TrainTable(**settings), save, RunDirectory(path), Accelerator(cpu=True))
    reached = loop.run(steps=steps, stop_at=stop_at or steps, stop=stop or StopRequest())
    return task, reached


def events(path, *keys):
    return [[row[key] for key in keys] for row in read_json_lines(path / "events.jsonl")]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of 20 steps without interruption."""
    path = tmp_path_factory.mktemp("straight")
    task, reached = run_toy(path)
    assert reached == 20
    return task.module.weight.detach().clone(), events(path, "step", "loss", "lr", "grad_norm")


def assert_same(path, task, straight):
    assert torch.equal(task.module.weight, straight[0])
    assert events(path, "step", "loss", "lr", "grad_norm") == straight[1]


def test_the_toy_learns_and_frozen_weights_stay(straight, tmp_path):
    task, _ = run_toy(tmp_path, lr=0.3, steps=60)
    losses = [loss for [loss] in events(tmp_path, "loss")]
    assert sum(losses[-5:]) < 0.1 * sum(losses[:5])
    assert torch.equal(task.module.frozen, torch.ones(3))


@pytest.mark.parametrize("looks", [1, 2, 11])
def test_a_stopped_run_continues_bit_for_bit(tmp_path, straight, looks):
    _, reached = run_toy(tmp_path, stop=StopAfter(looks))
    assert 0 < reached < 20
    assert RunDirectory(tmp_path).steps()[-1] == reached
    task, _ = run_toy(tmp_path)
    assert_same(tmp_path, task, straight)


def test_a_run_killed_between_checkpoints_continues_bit_for_bit(tmp_path, straight):
    # After a SIGKILL at step 13 the newest checkpoint is that of step 10, the log is ahead of it.
    run_toy(tmp_path, stop_at=10)
    run_toy(tmp_path, stop_at=13)
    checkpoint.shutil.rmtree(RunDirectory(tmp_path).checkpoint(13))
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"step": 14, "lo')
    task, _ = run_toy(tmp_path)
    assert_same(tmp_path, task, straight)


def test_stopping_early_keeps_the_schedule(tmp_path, straight):
    run_toy(tmp_path, stop_at=7)
    task, _ = run_toy(tmp_path, stop_at=20)
    assert_same(tmp_path, task, straight)


def test_accumulation_is_the_mean_gradient(tmp_path):
    task = ToyTask()
    losses = [task.module(task.sample(counter)) for counter in range(4)]
    gradients = [torch.autograd.grad(loss, task.module.weight)[0] for loss in losses]
    run_toy(tmp_path, task, accum=4, steps=1, grad_clip=0)
    [[loss, norm]] = events(tmp_path, "loss", "grad_norm")
    assert loss == pytest.approx(torch.stack(losses).mean().item(), rel=1e-6)
    assert norm == pytest.approx(torch.stack(gradients).mean(0).norm().item(), rel=1e-6)


def test_the_gradient_is_clipped_before_the_update(tmp_path):
    # Adam is blind to the scale of one gradient, but not to how it changes from step to step.
    free, _ = run_toy(tmp_path / "free", grad_clip=0)
    clipped, _ = run_toy(tmp_path / "clipped", grad_clip=1e-3)
    assert not torch.equal(free.module.weight, clipped.module.weight)


def test_a_nonfinite_step_is_skipped_and_logged(tmp_path):
    _, _ = run_toy(tmp_path, stop_at=1)
    before = load_file(RunDirectory(tmp_path).checkpoint(1) / "lora.safetensors")["weight"]
    task, reached = run_toy(tmp_path, ToyTask(broken=[3]), stop_at=2)
    assert reached == 2
    assert torch.equal(task.module.weight, before)
    skipped = read_json_lines(tmp_path / "events.jsonl")[1]
    assert skipped["skipped"] == ["sample 2", "sample 3"]
    assert skipped["loss"] is None


def test_three_nonfinite_steps_in_a_row_end_the_run(tmp_path):
    run_toy(tmp_path, stop_at=4)
    with pytest.raises(TrainingDivergedError, match="up to step 10"):
        run_toy(tmp_path, ToyTask(broken=[10, 14, 17, 18]))
    assert RunDirectory(tmp_path).steps() == [4]


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    run_toy(tmp_path, every=4, keep=2, steps=18)
    assert RunDirectory(tmp_path).steps() == [16, 18]


def test_an_interrupted_save_leaves_the_previous_checkpoint(tmp_path, straight, monkeypatch):
    run_toy(tmp_path, stop_at=10)

    def fail(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", fail)
        with pytest.raises(DiskError):
            run_toy(tmp_path, every=5)
    run = RunDirectory(tmp_path)
    assert run.steps() == [10]
    assert not list(run.checkpoints.glob(".*"))
    task, _ = run_toy(tmp_path)
    assert_same(tmp_path, task, straight)


def test_a_damaged_checkpoint_is_named(tmp_path):
    run_toy(tmp_path, stop_at=2)
    file = RunDirectory(tmp_path).checkpoint(2) / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UnreadableError, match="step-000002"):
        run_toy(tmp_path)


def test_no_pickle_is_written(tmp_path):
    run_toy(tmp_path, stop_at=2)
    names = {path.name for path in RunDirectory(tmp_path).checkpoint(2).iterdir()}
    assert names == {"lora.safetensors", "optimizer.safetensors", "state.json"}


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1.0, 1.0, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]),
    ],
)
def test_learning_rate(scheduler, expected):
    train = TrainTable(lr=1.0, warmup_steps=2, scheduler=scheduler)
    assert [learning_rate(step, 6, train) for step in range(6)] == pytest.approx(expected)


def test_every_epoch_is_another_permutation():
    epochs = [[shuffled_position(9 * epoch + i, 9, seed=1) for i in range(9)] for epoch in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(9))
    assert epochs[0] != epochs[1]


def test_an_orphan_asks_itself_to_stop(monkeypatch):
    stop = StopRequest()
    assert stop.signal is None
    monkeypatch.setattr("os.getppid", lambda: 1_000_000)
    assert stop.signal == signal.SIGTERM
