import json
import math

from vtb.train.vlm.swift.log import Tail, cut, event_of

SUMMARY = {
    "train_runtime": 2.6,
    "train_loss": 0.5,
    "epoch": 12.0,
    "global_step/max_steps": "60/60",
}
STATE = {"last_model_checkpoint": "/c/checkpoint-60", "global_step": 60, "log_history": []}


def row(step, loss=1.0, **more):
    return {"loss": loss, "global_step/max_steps": f"{step}/60", "epoch": 0.2, **more}


def append(log, *rows, end="\n"):
    with log.open("a") as file:
        file.write("\n".join(json.dumps(one) for one in rows) + end)


def test_an_event_of_sft():
    found = event_of(row(7, 0.25, grad_norm=3.5, learning_rate=1e-3, token_acc=0.75))
    assert found == {
        "step": 7,
        "loss": 0.25,
        "grad_norm": 3.5,
        "lr": 1e-3,
        "token_acc": 0.75,
        "epoch": 0.2,
    }


def test_an_event_of_grpo():
    metrics = {
        "completions/mean_length": 7.5,
        "completions/min_length": 4.0,
        "completions/max_length": 8.0,
        "completions/clipped_ratio": 0.9,
        "reward": 0.3,
        "reward_std": 0.1,
        "frac_reward_zero_std": 0.5,
        "rewards/VtbCorrect/mean": 0.2,
        "rewards/VtbCorrect/std": 0.3,
        "rewards/VtbFormat/mean": 1.0,
        "entropy/mean": 5.3,
        "entropy/max": 5.4,
        "kl": 0.01,
        "correct_by_task": {"maze_square": 0.2},
        "clip_ratio/low_mean": 0.0,
        "memory(GiB)": 12.5,
    }
    assert event_of(row(1, **metrics)) == {
        "step": 1,
        "loss": 1.0,
        "reward": 0.3,
        "reward_std": 0.1,
        "zero_std_groups": 0.5,
        "clipped_ratio": 0.9,
        "mean_length": 7.5,
        "min_length": 4.0,
        "max_length": 8.0,
        "entropy": 5.3,
        "kl": 0.01,
        "memory_gib": 12.5,
        "epoch": 0.2,
        "reward_parts": {"correct": 0.2, "format": 1.0},
        "correct_by_task": {"maze_square": 0.2},
    }


def test_what_is_not_finite_becomes_none():
    assert event_of(row(1, math.nan, grad_norm=math.inf)) == {
        "step": 1,
        "loss": None,
        "grad_norm": None,
        "epoch": 0.2,
    }


def test_a_summary_is_no_event():
    assert event_of(SUMMARY) is None
    assert event_of(STATE) is None


def test_a_growing_log_is_read_once(tmp_path):
    log = tmp_path / "logging.jsonl"
    tail = Tail(log, after=0)
    assert tail.read() == []
    append(log, row(1), row(2))
    assert [event["step"] for event in tail.read()] == [1, 2]
    assert tail.read() == []
    whole = json.dumps(row(3))
    append(log, end=whole[:9])
    assert tail.read() == []
    with log.open("a") as file:
        file.write(whole[9:] + "\n")
    append(log, SUMMARY, STATE)
    assert [event["step"] for event in tail.read()] == [3]


def test_what_was_read_is_not_read_again(tmp_path):
    log = tmp_path / "logging.jsonl"
    tail = Tail(log, after=0)
    append(log, row(1), row(2))
    tail.read()
    log.write_text(log.read_text().replace('"2/60"', '"3/60"'))
    assert tail.read() == []


def test_torn_and_foreign_lines_are_left_out(tmp_path):
    log = tmp_path / "logging.jsonl"
    log.write_text('{"loss": 1.0, "glo\n\n')
    append(log, row(1))
    assert [event["step"] for event in Tail(log, after=0).read()] == [1]


def test_no_step_comes_twice(tmp_path):
    log = tmp_path / "logging.jsonl"
    append(log, row(1), row(2), row(3), row(2, 9.0), row(4))
    assert [event["step"] for event in Tail(log, after=1).read()] == [2, 3, 4]


def test_a_log_is_cut_back_to_a_checkpoint(tmp_path):
    log = tmp_path / "logging.jsonl"
    cut(log, 3)
    assert not log.exists()
    append(log, row(1), row(2), row(3), row(4), SUMMARY, STATE, end='\n{"lo')
    cut(log, 3)
    append(log, row(4, 8.0))
    events = Tail(log, after=2).read()
    assert [(event["step"], event["loss"]) for event in events] == [(3, 1.0), (4, 8.0)]
    assert len(log.read_text().splitlines()) == 4


def test_of_a_step_that_was_made_twice_the_newer_stays(tmp_path):
    log = tmp_path / "logging.jsonl"
    append(log, row(1), row(2), row(3), row(2, 9.0), row(3, 8.0))
    cut(log, 3)
    losses = [event["loss"] for event in Tail(log, after=0).read()]
    assert losses == [1.0, 9.0, 8.0]
