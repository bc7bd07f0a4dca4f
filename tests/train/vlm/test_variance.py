"""What is made of the completions of a base model, and what is said about a training."""

import pytest

from vtb.core.files import atomic_write_json
from vtb.recipe.vlm import PreflightTable
from vtb.run.rundir import RunDirectory
from vtb.train.vlm.metrics import FLAT_STEPS, FlatSteps, facts_of
from vtb.train.vlm.variance import Tried, findings, read_report, report

WANTED = PreflightTable(prompts=2, generations=2)


def tried(name="a", task="maze", reward=1.0, *, solved=True, status="ok", cut=False):
    return Tried(name, task, f"text of {name}", reward, solved, status, cut)


def test_a_report_counts_completions_groups_and_tasks():
    found = report(
        [
            tried("a", reward=1.0),
            tried("a", reward=0.0, solved=False),
            tried("b", "dots", -1.0, solved=False, status="no_answer", cut=True),
            tried("b", "dots", -1.0, solved=False, status="no_answer"),
        ],
        WANTED,
    )
    assert (found["reward"], found["reward_std"]) == (-0.25, 0.25)
    assert (found["zero_std_groups"], found["clipped"]) == (0.5, 0.25)
    assert found["accuracy"] == 0.25
    assert found["status"] == {"ok": 0.5, "no_answer": 0.5}
    assert found["tasks"]["maze"]["accuracy"] == 0.5
    assert found["tasks"]["dots"]["accuracy"] == 0.0
    assert found["tasks"]["dots"]["shown"][0] == {
        "vtb_id": "b",
        "text": "text of b",
        "reward": -1.0,
        "status": "no_answer",
    }


def test_three_completions_of_a_task_are_shown():
    found = report([tried(str(number)) for number in range(9)], WANTED)
    assert [one["vtb_id"] for one in found["tasks"]["maze"]["shown"]] == ["0", "1", "2"]


def levels(flat, cut=0.0, max_flat=1.0, status="ok"):
    wanted = PreflightTable(max_flat=max_flat)
    found = {"zero_std_groups": flat, "clipped": cut, "reward": 0.1, "accuracy": 0.0}
    found["status"] = {status: 1.0}
    return [(check.level, check.name) for check in findings(found, wanted)]


def test_groups_without_spread_stop_a_training_or_warn():
    assert levels(1.0) == [("error", "reward")]
    assert levels(0.99) == levels(0.8) == [("warning", "reward")]
    assert levels(0.79) == []
    assert levels(0.6, max_flat=0.6) == [("error", "reward")]
    assert levels(0.0, cut=0.5) == [("warning", "clipped")]
    assert levels(0.0, cut=0.49) == []


@pytest.mark.parametrize(
    ("status", "accuracy", "said"),
    [("no_answer", 0.0, "readable"), ("ok", 0.0, "sft first"), ("ok", 1.0, "harder")],
)
def test_the_hint_follows_what_dominates(status, accuracy, said):
    found = {"zero_std_groups": 1.0, "clipped": 0.0, "reward": -1.0, "accuracy": accuracy}
    [check] = findings({**found, "status": {status: 1.0}}, PreflightTable())
    assert said in check.hint
    assert f"100% of the completions are `{status}`" in check.message


def test_a_report_of_as_many_completions_is_not_made_again(tmp_path):
    run = RunDirectory(tmp_path)
    assert read_report(run, WANTED) is None
    atomic_write_json(run.preflight, report([tried()], WANTED))
    found = read_report(run, WANTED)
    assert found and found["completions"] == 1
    assert read_report(run, PreflightTable(prompts=3, generations=2)) is None
    assert read_report(run, PreflightTable(prompts=2, generations=3)) is None


def test_figures_have_our_names_and_parts_without_their_weights():
    log = {
        "learning_rate": 0.1,
        "frac_reward_zero_std": 0.5,
        "rewards/vtb_correct/mean": 0.5,
        "rewards/vtb_format/mean": 0.05,
        "rewards/vtb_format/std": 3.0,
        "num_tokens": 9,
    }
    assert facts_of(log, {"vtb_correct": 1.0, "vtb_format": 0.1}) == {
        "lr": 0.1,
        "zero_std_groups": 0.5,
        "reward_parts": {"correct": 0.5, "format": pytest.approx(0.5)},
    }
    assert facts_of({"learning_rate": 0.1}, {"vtb_correct": 1.0}) == {"lr": 0.1}


def test_many_flat_steps_in_a_row_are_said_once():
    flat = FlatSteps()
    shares = [0.9] * (FLAT_STEPS - 1) + [0.89] + [1.0] * (FLAT_STEPS + 5)
    said = [flat.warning({"zero_std_groups": share}) for share in shares]
    assert [number for number, text in enumerate(said) if text] == [2 * FLAT_STEPS - 1]
    assert not any(flat.warning({}) for _ in range(2 * FLAT_STEPS))
