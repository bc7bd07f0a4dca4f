"""ms-swift really trains the tiny model; each start costs 14 s, so that all but one are slow."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from statistics import mean

import pytest
from PIL import Image

from vtb.core.answers import wrap
from vtb.core.files import read_json_lines
from vtb.run.rundir import RunDirectory
from vtb.train.launch.cluster import Cluster
from vtb.train.vlm.finish import write_final
from vtb.train.vlm.swift.arguments import PLUGIN
from vtb.train.vlm.swift.checkpoints import publish
from vtb.train.vlm.swift.log import LOG, Tail, cut

SHARE_OF_A = [
    *("--external_plugins", str(PLUGIN), str(Path(__file__).with_name("share_of_a.py"))),
    *("--reward_funcs", "share_of_a", "is_empty", "--reward_weights", "1", "0"),
]
# A short start that knows the grammar and guesses letters, and reinforcement after it.
START = {"train": {"lr": 1e-3, "scheduler": "constant"}, "save": {"every": 25}}
AFTER_START = {
    "train": {"batch": 64, "micro_batch": 64, "lr": 5e-4},
    "grpo": {"max_completion": 10},
}
GRPO_TABLES = {
    "train": {
        "method": "grpo",
        "batch": 16,
        "micro_batch": 16,
        "lr": 5e-3,
        "scheduler": "constant",
    },
    "grpo": {"max_completion": 8, "overlong_filter": False},
    "save": {"every": 100},
}
# Of two completions the rewards are often equal.
DYNAMIC = {
    "train": {"batch": 8, "micro_batch": 4, "lr": 5e-4},
    "grpo": {
        "generations": 2,
        "max_completion": 10,
        "dynamic_sample": True,
        "max_resample_times": 4,
        "overlong_filter": True,
    },
}
# What a card of the finished weights says of its run.
STATE = {
    "id": "squares",
    "recipe": "tiny",
    "inputs": {"data": "/squares"},
    "settings": {"data.manifest_hash": "", "model.fingerprint": ""},
    "versions": {},
}


def events(run):
    return Tail(run / "backend" / LOG, after=0).read()


def finished(lab, recipe, run, **options):
    """Trains to the end and writes `final/`."""
    code = lab.run(recipe, run, **options)
    assert code == 0, (run / "log.txt").read_text()[-3000:]
    directory = RunDirectory(run)
    publish(run / "backend", directory, world=1, keep=recipe.save.keep)
    (run / "run.json").write_text(json.dumps(STATE))
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events(run)))
    write_final(directory, recipe, options.get("model") or lab.model, max(directory.steps()))
    return events(run)


def wait_for(run, step, process):
    while max((event["step"] for event in events(run)), default=0) < step:
        assert process.poll() is None, (run / "log.txt").read_text()[-3000:]
        time.sleep(0.02)


def right_answers(lab, model):
    """How many of the squares a model names right, greedily."""
    import torch

    from vtb.models.qwen3_vl.load import load_processor

    torch.set_num_threads(1)
    processor = load_processor(lab.model)
    right = 0
    for row in read_json_lines(lab.squares / "sft.jsonl"):
        text = row["messages"][0]["content"].removeprefix("<image>")
        parts = [{"type": "image"}, {"type": "text", "text": text}]
        shown = processor.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        picture = Image.open(lab.squares / row["images"][0])
        inputs = processor(text=[shown], images=[picture], return_tensors="pt")
        ids = model.generate(**inputs, max_new_tokens=16, do_sample=False)
        said = processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        right += said == wrap(row["solution"])
    return right


def test_a_short_run_leaves_events_checkpoints_and_a_whole_model(lab, recipe_of, tmp_path):
    from vtb.models.check import check

    got = finished(lab, recipe_of(), tmp_path, steps=12)
    assert [event["step"] for event in got] == list(range(1, 13))
    assert set(got[0]) >= {"step", "loss", "grad_norm", "lr", "token_acc"}
    assert got[-1]["loss"] < got[0]["loss"] / 2
    assert RunDirectory(tmp_path).steps() == [10, 12]
    assert check(tmp_path / "final").ok
    assert (tmp_path / "heartbeats" / "rank-0").read_text() == "12\n"


@pytest.mark.slow
def test_sft_of_the_whole_model_learns_its_samples(lab, recipe_of, tmp_path):
    from vtb.models.qwen3_vl.load import load_model

    got = finished(lab, recipe_of({"save": {"every": 300}}), tmp_path, steps=300)
    assert got[-1]["token_acc"] >= 0.99
    right = right_answers(lab, load_model(tmp_path / "final"))
    assert right >= 49


@pytest.mark.slow
def test_sft_of_an_adapter_learns_them_too(lab, recipe_of, tmp_path):
    from vtb.models.qwen3_vl.load import add_adapter, load_model

    changes = {
        "train": {"target": "lora", "lr": 1e-2},
        "lora": {"rank": 16},
        "save": {"every": 300},
    }
    got = finished(lab, recipe_of(changes), tmp_path, steps=300)
    assert got[-1]["token_acc"] >= 0.99
    model = load_model(lab.model)
    add_adapter(model, lab.model, tmp_path / "final")
    right = right_answers(lab, model)
    assert right >= 48


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(lab, recipe_of, tmp_path):
    recipe, whole, killed = recipe_of(), tmp_path / "whole", tmp_path / "killed"
    expected = finished(lab, recipe, whole, steps=40)
    process = lab.start(recipe, killed, steps=40)
    wait_for(killed, 23, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    directory, log = RunDirectory(killed), killed / "backend" / LOG
    publish(killed / "backend", directory, world=1, keep=3)
    step = max(directory.steps())
    assert step in (20, 30)
    cut(log, step)
    before = events(killed)
    tail = Tail(log, after=step)
    assert lab.run(recipe, killed, steps=40, resume=directory.checkpoint(step)) == 0
    joined = before + tail.read()
    assert [event["step"] for event in joined] == list(range(1, 41))
    assert joined == expected == events(killed)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_sigterm_saves_at_the_end_of_the_step(lab, recipe_of, tmp_path, workers):
    recipe = recipe_of({"save": {"every": 1000}})
    extra = ["--dataloader_num_workers", str(workers)]
    process = lab.start(recipe, tmp_path, steps=5000, extra=extra)
    wait_for(tmp_path, 10, process)
    os.killpg(process.pid, signal.SIGUSR1)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM, (tmp_path / "log.txt").read_text()
    directory = RunDirectory(tmp_path)
    publish(tmp_path / "backend", directory, world=1, keep=3)
    assert directory.steps() == [events(tmp_path)[-1]["step"]]
    (stacks,) = (tmp_path / "backend" / "stacks").glob(f"rank-0-pid-{process.pid}.txt")
    assert "_inner_training_loop" in stacks.read_text()


@pytest.mark.slow
def test_grpo_raises_a_shaped_reward(lab, recipe_of, tmp_path):
    got = finished(lab, recipe_of(GRPO_TABLES), tmp_path, steps=60, extra=SHARE_OF_A)
    rewards = [event["reward"] for event in got]
    assert mean(rewards[-10:]) >= 4 * rewards[0]
    assert set(got[0]) >= {
        *("reward", "reward_std", "zero_std_groups", "clipped_ratio", "entropy"),
        *("mean_length", "min_length", "max_length"),
    }
    parts = [event["reward_parts"] for event in got]
    assert parts[0] == {"share_of_a": pytest.approx(rewards[0], abs=1e-6), "is_empty": 0}
    # Without our mend the trainer dies of the first completion that has no token.
    assert any(part["is_empty"] for part in parts)


@pytest.mark.slow
def test_grpo_raises_the_verifier_s_reward_after_a_short_start(lab, recipe_of, tmp_path):
    start, run = tmp_path / "start", tmp_path / "run"
    finished(lab, recipe_of(START), start, steps=25)
    recipe = recipe_of(GRPO_TABLES, AFTER_START)
    got = finished(lab, recipe, run, steps=60, model=start / "final")
    correct = [event["reward_parts"]["correct"] for event in got]
    assert mean(correct[-10:]) >= mean(correct[:3]) + 0.15
    rows = read_json_lines(run / "backend" / "completions" / "rank-0.jsonl")
    assert [row["step"] for row in rows] == sorted([*range(1, 61)] * 64)
    for event in got:
        of_step = [row["parts"]["correct"] for row in rows if row["step"] == event["step"]]
        assert mean(of_step) == pytest.approx(event["reward_parts"]["correct"], abs=1e-6)
        assert event["correct_by_task"] == {"square": pytest.approx(mean(of_step))}


@pytest.mark.slow
def test_grpo_asks_other_puzzles_in_place_of_flat_ones(lab, recipe_of, tmp_path):
    start, run = tmp_path / "start", tmp_path / "run"
    finished(lab, recipe_of(START), start, steps=25)
    recipe = recipe_of(GRPO_TABLES, DYNAMIC)
    got = finished(lab, recipe, run, steps=8, model=start / "final")
    rows = read_json_lines(run / "backend" / "completions" / "rank-0.jsonl")
    asked = [sum(row["step"] == event["step"] for row in rows) for event in got]
    assert {*asked} <= {8, 16, 24, 32, 40} and max(asked) > 8
    # After the last of four times the first completions are taken, whatever they earn.
    assert not any(event["zero_std_groups"] for event, n in zip(got, asked, strict=True) if n < 40)
    # What was cut off is left out of the loss and judged by what it says.
    readable = [row for row in rows if row["is_truncated"] and row["status"] == "ok"]
    assert readable and all(row["parts"]["correct"] != -1 for row in readable)


@pytest.mark.slow
def test_without_the_hook_torchvision_cannot_be_imported(lab, recipe_of, tmp_path):
    import torch

    if torch.version.cuda:
        pytest.skip("this torch has CUDA")
    code = lab.run(recipe_of(), tmp_path, steps=2, env={"PYTHONPATH": ""}.items())
    assert code != 0
    assert "torchvision::nms" in (tmp_path / "log.txt").read_text()


@pytest.mark.slow
def test_media_tokens_of_a_sampler_stop_the_run(lab, recipe_of, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(lab.model, model)
    config = json.loads((model / "generation_config.json").read_text())
    del config["suppress_tokens"]
    (model / "generation_config.json").write_text(json.dumps(config))
    recipe = recipe_of(GRPO_TABLES, {"train": {"batch": 64, "micro_batch": 64}})
    code = lab.run(recipe, tmp_path / "run", steps=60, model=model)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert code == 1, log[-3000:]
    assert "error: the model writes tokens that stand for pictures" in log


@pytest.mark.slow
def test_all_processes_save_when_one_command_is_stopped(lab, recipe_of, tmp_path):
    recipe = recipe_of({"train": {"micro_batch": 5}, "save": {"every": 1000}})
    cluster = Cluster(processes=2)
    process = lab.start(recipe, tmp_path, steps=5000, cluster=cluster)
    wait_for(tmp_path, 5, process)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) != 0
    directory = RunDirectory(tmp_path)
    publish(tmp_path / "backend", directory, world=2, keep=3)
    (step,) = directory.steps()
    assert events(tmp_path)[-1]["step"] == step
    assert len(list((tmp_path / "heartbeats").iterdir())) == 2
    cut(tmp_path / "backend" / LOG, step)
    resume = directory.checkpoint(step)
    code = lab.run(recipe, tmp_path, steps=5000, stop_at=step + 3, resume=resume, cluster=cluster)
    assert code == 0, (tmp_path / "log.txt").read_text()[-3000:]
    assert [event["step"] for event in events(tmp_path)] == list(range(1, step + 4))
    publish(tmp_path / "backend", directory, world=2, keep=3)
    assert directory.steps() == [step, step + 3]
