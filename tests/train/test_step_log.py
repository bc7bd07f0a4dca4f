"""Events of steps: values, groups, rates, spikes, skips and the end of a diverged run."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from vtb.core.errors import TrainingDivergedError
from vtb.core.files import read_json_lines
from vtb.run.rundir import RunDirectory
from vtb.train.loop.step_log import (
    MAX_NONFINITE_STEPS,
    SPIKE_FACTOR,
    SPIKE_MIN_STEPS,
    StepLog,
    events_file,
)

TASK = SimpleNamespace(group_names=("low", "high"), describe=lambda counter: f"sample {counter}")


def log_of():
    events = []
    return StepLog(TASK, [events.append]), events


def push(log, step, *, loss=1.0, norm=2.0, wish=0.0, sums=(1.0, 0.0), counts=(1.0, 0.0)):
    numbers = torch.tensor([norm, loss, wish, *sums, *counts])
    log.push(step, {"lr": 3e-4, "epoch": step / 10}, range(2 * step, 2 * step + 2), numbers)


def test_an_event_holds_the_numbers_and_facts_of_its_step():
    log, events = log_of()
    push(log, 4, loss=0.5, sums=(1.5, 4.0), counts=(3.0, 2.0))
    [event] = events
    assert event.pop("samples_per_second") > 0
    assert event == {
        "step": 4,
        "loss": 0.5,
        "grad_norm": 2.0,
        "lr": 3e-4,
        "epoch": 0.4,
        "loss_by_group": {"low": 0.5, "high": 2.0},
    }


def test_a_group_without_samples_is_left_out():
    log, events = log_of()
    push(log, 1)
    assert events[0]["loss_by_group"] == {"low": 1.0}
    push(log, 2, sums=(math.nan, 0.0))
    assert "loss_by_group" not in events[1]


def test_the_rate_counts_all_samples_since_the_clock_was_restarted(monkeypatch):
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr("time.perf_counter", lambda: now.value)
    log, events = log_of()
    now.value += 4
    push(log, 1)
    now.value += 50  # a measurement
    log.restart_clock()
    now.value += 1
    push(log, 2)
    assert [event["samples_per_second"] for event in events] == [0.5, 2.0]


@pytest.mark.parametrize("bad", [{"loss": math.nan}, {"norm": math.inf}])
def test_a_nonfinite_step_names_its_samples(bad):
    log, events = log_of()
    push(log, 5, **bad)
    assert events[0]["skipped"] == ["sample 10", "sample 11"]
    assert None in (events[0]["loss"], events[0]["grad_norm"])
    assert json.loads(json.dumps(events[0], allow_nan=False))


def test_only_nonfinite_steps_in_a_row_end_the_run():
    log, events = log_of()
    for step in range(1, 12):
        push(log, step, loss=1.0 if step % MAX_NONFINITE_STEPS == 0 else math.nan)
    assert len(events) == 11


def test_the_end_of_a_diverged_run_comes_after_its_event():
    log, events = log_of()
    with pytest.raises(TrainingDivergedError, match="up to step 3") as error:
        for step in range(1, 9):
            push(log, step, loss=math.nan)
    assert [event["step"] for event in events] == [1, 2, 3]
    assert "train.lr=0.0001" in error.value.hint


def test_a_spike_names_its_samples_but_not_in_the_first_steps():
    log, events = log_of()
    losses = [1e6, *[1.0] * SPIKE_MIN_STEPS, SPIKE_FACTOR + 1, SPIKE_FACTOR - 1]
    for step, loss in enumerate(losses):
        push(log, step, loss=loss)
    spikes = [event["step"] for event in events if "spike" in event]
    assert spikes == [len(losses) - 2]
    assert events[spikes[0]]["spike"] == [f"sample {2 * spikes[0]}", f"sample {2 * spikes[0] + 1}"]


def test_a_wish_to_stop_is_kept():
    log, _ = log_of()
    push(log, 1)
    assert not log.stop_was_asked
    push(log, 2, wish=0.25)
    push(log, 3)
    assert log.stop_was_asked


def test_events_of_others_pass_through_and_processes_without_sinks_are_silent(tmp_path):
    run = RunDirectory(tmp_path)
    log = StepLog(TASK, [events_file(run)])
    push(log, 1)
    log.write({"step": 1, "validation_loss": 0.5})
    assert [row.get("validation_loss") for row in read_json_lines(run.events)] == [None, 0.5]
    silent = StepLog(TASK, [])
    push(silent, 1)
    silent.write({"step": 1})
    with pytest.raises(TrainingDivergedError):
        for step in range(9):
            push(silent, step, loss=math.nan)


def test_events_are_synced_once_a_second(tmp_path, monkeypatch):
    now, synced = [0.0], []
    monkeypatch.setattr("vtb.train.loop.step_log.time.monotonic", lambda: now[0])
    monkeypatch.setattr("vtb.core.files.os.fsync", lambda file: synced.append(now[0]))
    write, run = events_file(RunDirectory(tmp_path)), RunDirectory(tmp_path)
    for now[0] in (0.0, 0.4, 0.8, 1.2, 1.4, 2.0, 2.3):
        write({"step": now[0]})
    assert synced == [0.0, 1.2, 2.3]
    assert len(read_json_lines(run.events)) == 7


def test_drain_reads_what_is_left():
    log, events = log_of()
    log.drain()
    push(log, 1)
    log.drain()
    assert len(events) == 1
