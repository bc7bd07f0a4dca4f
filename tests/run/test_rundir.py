"""Run directories: records, conflicts, logs, leftovers, secrets."""

import json
from dataclasses import replace

import pytest

from vtb.core.errors import ConflictError, DiskError
from vtb.run import rundir
from vtb.run.plan import Estimates, Plan
from vtb.run.rundir import RunDirectory, RunRecord

RECORD = RunRecord(
    id="toy-1",
    kind="train.video",
    recipe_name="video/toy",
    settings={"lora.rank": 4, "train.lr": 0.1},
    inputs={"data": "/data", "model": "/model"},
    device="cpu",
    steps=20,
    stop_at=10,
)
PLAN = Plan(
    argv=("python", "-m", "toy"),
    env={"A": "1"},
    cwd="/",
    inputs={},
    outputs={},
    checks=(),
    estimates=Estimates(tokens=1, steps=10, trainable_parameters=2, checkpoint_bytes=3),
)


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


def test_begin_and_end_record_the_run(run):
    assert run.state() == {}
    run.begin(RECORD, "rank = 4\n", PLAN)
    state = run.state()
    assert (state["id"], state["status"], state["resume_count"]) == ("toy-1", "running", 0)
    assert (state["steps"], state["stop_at"], state["resume"]) == (20, 10, "exact")
    assert {"versions", "git", "host", "gpus", "started"} <= set(state)
    assert run.recipe.read_text() == "rank = 4\n"
    assert json.loads((run.path / "plan.json").read_text())["argv"] == ["python", "-m", "toy"]
    run.end("interrupted")
    assert run.state()["status"] == "interrupted"
    assert run.state()["ended"] is not None
    run.begin(replace(RECORD, stop_at=20), "rank = 4\n", PLAN)
    again = run.state()
    assert (again["resume_count"], again["started"]) == (1, state["started"])


def test_conflict_names_the_keys_that_differ(run):
    run.require_same({"anything": 1})
    run.begin(RECORD, "", PLAN)
    run.require_same(RECORD.settings)
    with pytest.raises(ConflictError) as caught:
        run.require_same({"lora.rank": 8, "train.lr": 0.1, "train.seed": 1})
    assert caught.value.fact == "lora.rank is 4 there, 8 now; train.seed is None there, 1 now"
    assert "--force" in caught.value.hint


def test_complete_means_done_and_far_enough(run):
    run.begin(RECORD, "", PLAN)
    run.checkpoint(10).mkdir(parents=True)
    assert not run.is_complete(10)
    run.end("done")
    assert not run.is_complete(10)
    run.final.mkdir()
    assert run.is_complete(10)
    assert not run.is_complete(11)


def test_a_run_that_ended_itself_early_is_complete(run):
    run.begin(RECORD, "", PLAN)
    run.final.mkdir()
    run.end("done")
    for step, text in ((4, '{"step": 4, "is_finished": false}'), (7, '{"is_finished": true}')):
        assert not run.is_complete(10)
        run.checkpoint(step).mkdir(parents=True)
        (run.checkpoint(step) / "state.json").write_text(text)
    assert run.is_complete(10)


def test_machines_are_recorded(run):
    run.begin(replace(RECORD, gpus=("A", "A"), nodes=2, world=4), "", PLAN)
    state = run.state()
    assert (state["gpus"], state["nodes"], state["world_size"]) == (["A", "A"], 2, 4)


def test_checkpoints_are_found_in_order_of_steps(run):
    for step in (500, 1_000_000, 20):
        run.checkpoint(step).mkdir(parents=True)
    (run.checkpoints / ".step-000900.1.tmp").mkdir()
    assert run.checkpoint(500).name == "step-000500"
    assert run.steps() == [20, 500, 1_000_000]


def test_events_are_cut_back_to_a_checkpoint(run):
    run.path.mkdir()
    run.events.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    assert run.last_event() == {"step": 3}
    run.drop_events_after(2)
    assert run.events.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert run.last_event() == {"step": 2}


def test_a_last_event_too_long_to_be_read_is_none(run):
    run.path.mkdir(exist_ok=True)
    names = [f"sample {number}" for number in range(5000)]
    lines = [json.dumps({"step": 1}), json.dumps({"step": 2, "skipped": names})]
    run.events.write_text("\n".join(lines) + "\n")
    assert run.last_event() == {}


def test_last_event_of_a_long_log(run):
    run.path.mkdir()
    assert run.last_event() == {}
    run.events.write_text("".join(f'{{"step": {i}, "pad": "{"x" * 50}"}}\n' for i in range(2000)))
    assert run.last_event()["step"] == 1999


def test_leftovers_of_a_killed_process_are_removed(run):
    run.checkpoint(10).mkdir(parents=True)
    torn = run.checkpoints / ".step-000020.77.tmp"
    torn.mkdir()
    (torn / "lora.safetensors").touch()
    (run.path / ".run.json.77.tmp").touch()
    run.remove_leftovers()
    assert [path.name for path in run.path.rglob("*")] == ["checkpoints", "step-000010"]


def test_clear_removes_all_that_a_run_wrote(run):
    run.begin(RECORD, "", PLAN)
    run.checkpoint(10).mkdir(parents=True)
    run.final.mkdir()
    run.events.touch()
    run.log.touch()
    run.preflight.touch()
    run.tried.touch()
    (run.path / "notes.txt").touch()
    run.clear()
    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]


def test_secrets_are_not_written(run, monkeypatch):
    monkeypatch.setenv("SOME_PASSWORD", "correct-horse")
    record = replace(RECORD, inputs={"data": "https://correct-horse@host"})
    run.begin(record, 'fit = "correct-horse"\n', replace(PLAN, env={"X": "correct-horse"}))
    for name in ("run.json", "plan.json"):
        text = (run.path / name).read_text()
        assert "***" in text and "correct-horse" not in text
    assert run.recipe.read_text() == 'fit = "correct-horse"\n'  # the training reads it back


def test_a_full_disk_keeps_the_old_record(run, monkeypatch):
    run.begin(RECORD, "", PLAN)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vtb.core.files._sync", full)
    with pytest.raises(DiskError):
        run.end("done")
    assert run.state()["status"] == "running"
    assert rundir.read_json(run.path / "run.json")["id"] == "toy-1"
