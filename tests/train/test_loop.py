"""The loop with a toy model: steps, accumulation, exact resume, guards, checkpoints."""

import math
import signal
from dataclasses import dataclass

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import nn

from vtb.core.errors import DeviceMemoryError, DiskError, TrainingDivergedError, UnreadableError
from vtb.core.files import read_json_lines
from vtb.recipe.schema import SaveTable, VideoTrainTable
from vtb.run.rundir import RunDirectory
from vtb.train.loop import checkpoint
from vtb.train.loop.loop import Loop, learning_rate
from vtb.train.loop.randomness import generator
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest
from vtb.train.validation.best import BestWeights, read_best
from vtb.train.validation.observers import Measurements


class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.weight = nn.Parameter(torch.tensor([0.5, -0.5, 0.25]))

    def forward(self, batch):
        return ((batch.x * self.frozen) @ self.weight - batch.y) ** 2


@dataclass
class ToyBatch:
    x: torch.Tensor
    y: torch.Tensor
    groups: torch.Tensor

    def map(self, change):
        return ToyBatch(change(self.x), change(self.y), change(self.groups))


def normal(size, counter):
    return torch.randn(size, generator=generator(0, "x", counter))


class ToyTask:
    """Linear regression on numbered samples; the loss of those in `broken` is not finite."""

    num_samples = 5
    group_names = ("even", "odd")

    def __init__(self, broken=(), huge=()):
        self.module = Regression()
        self._broken, self._huge = broken, huge

    def batch(self, counters):
        x = torch.stack([normal(3, counter) for counter in counters])
        y = x.sum(1)
        for row, counter in enumerate(counters):
            x[row] *= math.nan if counter in self._broken else 1
            y[row] += 1e4 * (counter in self._huge)
        return ToyBatch(x, y, torch.tensor(counters) % 2)

    def shape(self, counter):
        return (3,)

    def relieve(self):
        return False

    def describe(self, counter):
        return f"sample {counter}"

    def write_weights(self, directory, step):
        save_file({"weight": self.module.weight.detach()}, directory / "weights.safetensors")

    def read_weights(self, directory):
        self.module.weight.data.copy_(load_file(directory / "weights.safetensors")["weight"])


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
    observers = train.pop("observers", ())
    settings = {"warmup_steps": 3, "scheduler": "cosine", "batch": 2, "lr": 0.1, **train}
    save = SaveTable(every=every, keep=keep)
    path.mkdir(exist_ok=True)
    run = RunDirectory(path)
    log = StepLog(task, [events_file(run)])
    loop = Loop(task, VideoTrainTable(**settings), save, run, Accelerator(cpu=True), log)
    reached = loop.run(
        steps=steps, stop_at=stop_at or steps, stop=stop or StopRequest(), observers=observers
    )
    return task, reached.step


class Stoppable(StopRequest):
    """Asks for the end once it is told to."""

    signal = None


def run_measured(path, *, cut_at=None, patience=0):
    """Six steps of the toy, each second one measured; a stop arrives within one measurement."""
    task, stop, run = ToyTask(), Stoppable(), RunDirectory(path)
    path.mkdir(exist_ok=True)

    def measure(step):
        if step == cut_at:
            stop.signal = signal.SIGINT
            return None
        # The best is that of step 2.
        return {"validation_loss": 1 + step + task.module.weight.sum().item() / 100}

    log, accelerator = StepLog(task, [events_file(run)]), Accelerator(cpu=True)
    train = VideoTrainTable(warmup_steps=3, batch=2, lr=0.1)
    loop = Loop(task, train, SaveTable(every=100), run, accelerator, log)
    best = BestWeights(run, task, every=2, patience=patience)
    observer = Measurements(
        measure, "validation_loss", 2, 6, loop.average, run, log, accelerator, best
    )
    done = []
    reached = loop.run(steps=6, stop_at=6, stop=stop, observers=[observer], step_done=done.append)
    return reached, done


def measured(path):
    """Steps and figures of the measurements, and what was kept for them."""
    rows = read_json_lines(path / "events.jsonl")
    best = read_best(RunDirectory(path))
    figures = [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    return figures, best and (best.step, dict(best.figures))


@pytest.mark.parametrize("cut_at", [2, 4, 6])
def test_a_measurement_cut_short_is_made_up_for(tmp_path, cut_at):
    run_measured(tmp_path / "straight")
    expected = measured(tmp_path / "straight")
    assert [step for step, _ in expected[0]] == [2, 4, 6] and expected[1][0] == 2
    cut = tmp_path / "cut"
    reached, _ = run_measured(cut, cut_at=cut_at)
    assert (reached.step, reached.is_complete) == (cut_at, False)
    assert RunDirectory(cut).steps() == [cut_at]
    # Cut short a second time, at once.
    reached, done = run_measured(cut, cut_at=cut_at)
    assert (reached.step, reached.is_complete, done) == (cut_at, False, [])
    reached, done = run_measured(cut)
    assert (reached.step, reached.is_complete) == (6, True)
    assert done == list(range(cut_at + 1, 7))
    assert measured(cut) == expected


def test_a_measurement_made_up_for_may_end_the_run(tmp_path):
    assert run_measured(tmp_path / "straight", patience=1)[0].step == 4
    cut = tmp_path / "cut"
    run_measured(cut, patience=1, cut_at=4)
    assert not RunDirectory(cut).is_finished
    for _ in range(2):
        reached, done = run_measured(cut, patience=1)
        assert (reached.step, reached.is_complete, done) == (4, True, [])
    assert RunDirectory(cut).is_finished
    assert measured(cut) == measured(tmp_path / "straight")


def test_an_observer_cut_short_stops_all_processes_alike(tmp_path):
    # Of several processes one alone may have had the signal; what they share is this answer.
    _, reached = run_toy(tmp_path, observers=[lambda step: None if step == 4 else False])
    assert (reached, RunDirectory(tmp_path).steps()) == (4, [4])


def test_each_step_is_observed_and_the_one_to_go_on_from_once_more(tmp_path):
    seen = []
    for stop_at in (2, 3):
        observers = [lambda step: seen.append(step) or False]
        run_toy(tmp_path, steps=3, stop_at=stop_at, observers=observers)
    assert seen == [1, 2, 2, 3]


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


@pytest.mark.parametrize("micro_batch", [1, 2, 4])
def test_the_batch_is_the_mean_gradient_however_it_is_cut(tmp_path, micro_batch):
    task = ToyTask()
    losses = [task.module(task.batch(range(n, n + 1)))[0] for n in range(4)]
    gradients = [torch.autograd.grad(loss, task.module.weight)[0] for loss in losses]
    run_toy(tmp_path, task, batch=4, micro_batch=micro_batch, steps=1, grad_clip=0)
    [[loss, norm, groups]] = events(tmp_path, "loss", "grad_norm", "loss_by_group")
    assert loss == pytest.approx(torch.stack(losses).mean().item(), rel=1e-6)
    assert norm == pytest.approx(torch.stack(gradients).mean(0).norm().item(), rel=1e-6)
    even, odd = (losses[0] + losses[2]) / 2, (losses[1] + losses[3]) / 2
    assert groups == pytest.approx({"even": even.item(), "odd": odd.item()})


class NeedsRelief(ToyTask):
    """Does not fit into memory in the first steps until relieved so many times."""

    def __init__(self, reliefs, at_counter=0):
        super().__init__()
        self.reliefs, self.at_counter = reliefs, at_counter
        self.module.register_forward_pre_hook(self._allocate)
        self.seen = 0

    def _allocate(self, module, inputs):
        self.seen += 1
        if self.reliefs and self.seen > self.at_counter:
            raise torch.OutOfMemoryError("out of memory")

    def relieve(self):
        self.reliefs -= 1
        return True


def test_a_first_step_that_does_not_fit_is_relieved_and_repeated(tmp_path, straight):
    task, reached = run_toy(tmp_path, NeedsRelief(reliefs=2))
    assert (reached, task.reliefs) == (20, 0)
    assert_same(tmp_path, task, straight)


def test_the_first_step_of_another_shape_is_relieved_however_late_it_comes(tmp_path, straight):
    task = NeedsRelief(reliefs=1, at_counter=12)
    task.shape = lambda counter: (3 + counter // 12,)
    _, reached = run_toy(tmp_path, task)
    assert (reached, task.reliefs) == (20, 0)
    assert_same(tmp_path, task, straight)


@pytest.mark.parametrize("task", [ToyTask(), NeedsRelief(reliefs=1, at_counter=4)])
def test_what_cannot_be_relieved_is_an_error_with_advice(tmp_path, task):
    # A later step is as large as the first ones, so recomputing more is no answer to it.
    if not isinstance(task, NeedsRelief):
        task.module.register_forward_pre_hook(
            lambda module, inputs: (_ for _ in ()).throw(torch.OutOfMemoryError())
        )
    with pytest.raises(DeviceMemoryError) as caught:
        run_toy(tmp_path, task, batch=1)
    assert "activation_checkpointing=full" in caught.value.hint


def test_a_run_that_is_past_its_end_is_complete(tmp_path):
    run_toy(tmp_path, stop_at=8)
    _, reached = run_toy(tmp_path, stop_at=5)
    assert reached == 8


def test_a_spike_is_named(tmp_path):
    run_toy(tmp_path, ToyTask(huge=[21]))
    spikes = {
        row["step"]: row["spike"]
        for row in read_json_lines(tmp_path / "events.jsonl")
        if "spike" in row
    }
    assert spikes == {11: ["sample 20", "sample 21"]}


def test_an_observer_ends_the_run_for_good(tmp_path):
    _, reached = run_toy(tmp_path, observers=[lambda step: step == 4])
    assert reached == 4
    _, reached = run_toy(tmp_path, observers=[lambda step: False])
    assert reached == 4


def test_averaged_weights_survive_an_interruption(tmp_path):
    def averages(path, **kwargs):
        run_toy(path, ema=0.9, **kwargs)
        step = RunDirectory(path).steps()[-1]
        return load_file(RunDirectory(path).checkpoint(step) / "ema.safetensors")["weight"]

    straight = averages(tmp_path / "straight")
    averages(tmp_path / "cut", stop_at=7)
    assert torch.equal(averages(tmp_path / "cut"), straight)
    last = load_file(RunDirectory(tmp_path / "cut").checkpoint(20) / "weights.safetensors")
    assert not torch.equal(straight, last["weight"])


def test_the_gradient_is_clipped_before_the_update(tmp_path):
    # Adam is blind to the scale of one gradient, but not to how it changes from step to step.
    free, _ = run_toy(tmp_path / "free", grad_clip=0)
    clipped, _ = run_toy(tmp_path / "clipped", grad_clip=1e-3)
    assert not torch.equal(free.module.weight, clipped.module.weight)


def test_a_nonfinite_step_is_skipped_and_logged(tmp_path):
    _, _ = run_toy(tmp_path, stop_at=1)
    before = load_file(RunDirectory(tmp_path).checkpoint(1) / "weights.safetensors")["weight"]
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
    assert names == {"weights.safetensors", "optimizer.safetensors", "state.json"}


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1.0, 1.0, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]),
    ],
)
def test_learning_rate(scheduler, expected):
    train = VideoTrainTable(lr=1.0, warmup_steps=2, scheduler=scheduler)
    assert [learning_rate(step, 6, train) for step in range(6)] == pytest.approx(expected)


def test_an_orphan_asks_itself_to_stop(monkeypatch):
    stop = StopRequest()
    assert stop.signal is None
    monkeypatch.setattr("os.getppid", lambda: 1_000_000)
    assert stop.signal == signal.SIGTERM
