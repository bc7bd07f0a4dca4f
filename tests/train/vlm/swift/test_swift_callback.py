import math
import os
import signal
from types import SimpleNamespace

import pytest

pytest.importorskip("transformers")

import torch
from transformers import TrainerControl, TrainerState

from vtb.core.files import read_json_lines
from vtb.run.rundir import RunDirectory
from vtb.train.loop import stopping
from vtb.train.loop.watchdog import Watchdog
from vtb.train.vlm.completions import CompletionLog
from vtb.train.vlm.swift.callback import RunCallback
from vtb.train.vlm.swift.settings import PluginSettings

ARGS = SimpleNamespace(device=torch.device("cpu"), learning_rate=3e-3)


@pytest.fixture
def loop(tmp_path):
    """What ms-swift's trainer does with a callback, and the state that it has then."""
    completions = CompletionLog(tmp_path / "completions.jsonl", keep=100)
    settings = PluginSettings(tmp_path, tmp_path, stop_at=5, completions_keep=100)
    dog, by_task = Watchdog(RunDirectory(tmp_path), 0), {}
    callback = RunCallback(settings, 0, completions, dog, by_task)
    loader = SimpleNamespace(num_workers=0, worker_init_fn=None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    class Loop:
        state, control = TrainerState(), TrainerControl()

        def begin(self):
            callback.on_train_begin(ARGS, self.state, self.control, train_dataloader=loader)
            return loader

        def step(self):
            self.state.global_step += 1
            callback.on_substep_end(ARGS, self.state, self.control)
            callback.on_step_end(ARGS, self.state, self.control)
            return self.control.should_save and self.control.should_training_stop

        def log(self, **logs):
            callback.on_log(ARGS, self.state, self.control, logs=logs)
            return logs

        def end(self):
            callback.on_train_end(ARGS, self.state, self.control)

    made = Loop()
    made.loader, made.completions, made.by_task = loader, completions, by_task
    yield made
    callback._dog.__exit__(None, None, None)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_it_saves_and_stops_where_the_run_ends(loop):
    loop.begin()
    assert [loop.step() for _ in range(5)] == [False] * 4 + [True]
    loop.end()


def test_a_signal_stops_at_the_end_of_a_step(loop):
    loop.begin()
    assert not loop.step()
    os.kill(os.getpid(), signal.SIGTERM)
    assert loop.step()
    with pytest.raises(SystemExit) as caught:
        loop.end()
    assert caught.value.code == 128 + signal.SIGTERM


def test_a_signal_in_the_last_step_changes_nothing(loop):
    loop.begin()
    for _ in range(4):
        loop.step()
    os.kill(os.getpid(), signal.SIGTERM)
    assert loop.step()
    loop.end()


def test_the_death_of_the_launching_process_stops_it(loop, monkeypatch):
    loop.begin()
    assert not loop.step()
    monkeypatch.setattr(stopping.os, "getppid", lambda: 1)
    assert loop.step()


def test_stacks_are_written_on_demand(loop, tmp_path):
    loop.begin()
    os.kill(os.getpid(), signal.SIGUSR1)
    (file,) = (tmp_path / "backend" / "stacks").iterdir()
    assert file.name == f"rank-0-pid-{os.getpid()}.txt"
    assert "test_stacks_are_written_on_demand" in file.read_text()


def test_it_is_seen_to_be_alive(loop, tmp_path):
    loop.begin()
    loop.step()
    loop.end()
    assert (tmp_path / "heartbeats" / "rank-0").read_text() == "1\n"


def test_a_resumed_run_forgets_what_it_makes_again(loop, tmp_path):
    for step in (1, 2, 3):
        loop.completions.add([{"step": step}])
    loop.state.global_step = 2
    loop.begin()
    assert [row["step"] for row in read_json_lines(tmp_path / "completions.jsonl")] == [1, 2]


def test_three_losses_in_a_row_that_are_not_finite_end_it(loop, capsys):
    loop.begin()
    for loss, norm in ((math.nan, 1.0), (1.0, math.inf), (1.0, 1.0), (1.0, math.nan)):
        loop.log(loss=loss, grad_norm=norm)
    loop.log(train_runtime=1.0)
    loop.log(loss=math.inf)
    with pytest.raises(SystemExit) as caught:
        loop.log(loss=math.nan)
    assert caught.value.code == 1
    error, fact, hint = capsys.readouterr().err.splitlines()
    assert error == "error: the loss was not finite in 3 steps in a row"
    assert "checkpoint is intact" in fact
    assert hint.endswith("-s train.lr=0.001")


def test_the_log_of_a_step_has_the_mean_score_of_each_task(loop):
    loop.begin()
    assert loop.log(loss=1.0) == {"loss": 1.0}
    loop.by_task["maze"] = 0.5
    assert loop.log(loss=1.0) == {"loss": 1.0, "correct_by_task": {"maze": 0.5}}
    assert loop.log(train_runtime=1.0) == {"train_runtime": 1.0}


def test_workers_that_read_data_are_not_asked_to_stop(loop, monkeypatch):
    loop.loader.num_workers = 2
    called, groups = [], []
    loop.loader.worker_init_fn = called.append
    monkeypatch.setattr(os, "setpgid", lambda *ids: groups.append(ids))
    loop.begin().worker_init_fn(1)
    assert called == [1]
    assert groups == [(0, 0)]
