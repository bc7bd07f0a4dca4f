"""What ms-swift writes comes into the run directory while it trains."""

import json
from types import SimpleNamespace

import pytest

from vtb.core.files import read_json_lines
from vtb.run.rundir import RunDirectory
from vtb.train.vlm.swift.following import following
from vtb.train.vlm.swift.log import LOG, PROGRESS


@pytest.fixture
def job(tmp_path):
    run = RunDirectory(tmp_path)
    run.backend.mkdir()
    recipe = SimpleNamespace(save=SimpleNamespace(keep=2))
    return SimpleNamespace(
        run=run, recipe=recipe, cluster=SimpleNamespace(world=1), stop_at=9, steps=9
    )


def logged(job, step, **more):
    line = json.dumps({"loss": 1 / step, PROGRESS: f"{step}/9", **more})
    with (job.run.backend / LOG).open("a") as log:
        log.write(line + "\n")


def steps(job):
    return [event["step"] for event in read_json_lines(job.run.events)]


def test_events_arrive_while_it_trains_and_before_the_bar_is_asked(job):
    seen = []
    with following(job, lambda: seen.append(steps(job))) as watch:
        logged(job, 1)
        watch()
        logged(job, 2)
        watch()
        logged(job, 3)
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_what_came_after_the_checkpoint_is_forgotten(job):
    with following(job, lambda: None):
        for step in (1, 2, 3, 4):
            logged(job, step)
    assert steps(job) == [1, 2, 3, 4]
    job.run.checkpoint(2).mkdir(parents=True)
    with following(job, lambda: None) as watch:
        assert steps(job) == [1, 2]
        logged(job, 3)
        watch()
    assert steps(job) == [1, 2, 3]


def test_events_and_completions_arrive_even_when_it_fails(job):
    notes = job.run.backend / "completions"
    notes.mkdir()
    (notes / "rank-0.jsonl").write_text('{"step": 1, "text": "a"}\n')
    with pytest.raises(RuntimeError), following(job, lambda: None):
        logged(job, 1)
        raise RuntimeError
    assert steps(job) == [1]
    assert read_json_lines(job.run.completions) == [{"step": 1, "text": "a"}]


def test_a_run_of_flat_rewards_is_warned_of_once(job):
    with following(job, lambda: None) as watch:
        for step in range(1, 31):
            logged(job, step, frac_reward_zero_std=1.0)
        watch()
    warned = [event["step"] for event in read_json_lines(job.run.events) if "warning" in event]
    assert warned == [20]
