import json
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from vtb.run.rundir import RunDirectory
from vtb.train.vlm.swift.checkpoints import is_whole, publish

WEIGHTS = {"w": np.ones((2, 3), np.float32)}


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("data", "x" * 100)


def write(out, step, *, world=1, weights="model.safetensors", optimizer=True):
    """A checkpoint of the files that ms-swift writes."""
    checkpoint = out / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    save_file(WEIGHTS, checkpoint / weights)
    (checkpoint / "config.json").write_text('{"from": "checkpoint"}')
    if weights.startswith("adapter"):
        (checkpoint / "adapter_config.json").write_text("{}")
    if optimizer:
        archive(checkpoint / "optimizer.pt")
        archive(checkpoint / "scheduler.pt")
    ranks = [""] if world == 1 else [f"_{rank}" for rank in range(world)]
    for rank in ranks:
        archive(checkpoint / f"rng_state{rank}.pth")
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return checkpoint


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("weights", ["model.safetensors", "adapter_model.safetensors"])
@pytest.mark.parametrize("spoil", [truncate, lambda path: path.unlink()])
def test_each_file_is_needed_whole(tmp_path, weights, spoil):
    needed = [
        weights,
        *("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"),
    ]
    for number, name in enumerate(needed):
        checkpoint = write(tmp_path / str(number), 20, weights=weights)
        assert is_whole(checkpoint, 1)
        spoil(checkpoint / name)
        assert not is_whole(checkpoint, 1), name


def test_shards_are_all_needed(tmp_path):
    checkpoint = write(tmp_path, 20)
    (checkpoint / "model.safetensors").rename(checkpoint / "model-00001-of-00002.safetensors")
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"weight_map": {"w": names[0], "v": names[1]}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    assert not is_whole(checkpoint, 1)
    save_file({"v": WEIGHTS["w"]}, checkpoint / names[1])
    assert is_whole(checkpoint, 1)


def test_each_process_left_its_random_state(tmp_path):
    checkpoint = write(tmp_path, 20, world=2)
    assert is_whole(checkpoint, 2)
    assert not is_whole(checkpoint, 1) and not is_whole(checkpoint, 3)


def test_deepspeed_keeps_a_part_of_the_optimizer_for_each_process(tmp_path):
    checkpoint = write(tmp_path, 20, world=2, optimizer=False)
    assert not is_whole(checkpoint, 2)
    shards = checkpoint / "global_step20"
    shards.mkdir()
    for rank in range(2):
        archive(shards / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    (checkpoint / "latest").write_text("global_step20")
    assert is_whole(checkpoint, 2)
    (shards / "zero_pp_rank_1_mp_rank_00_optim_states.pt").unlink()
    assert not is_whole(checkpoint, 2)


def test_a_state_of_another_step_is_not_its_own(tmp_path):
    checkpoint = write(tmp_path, 20)
    (checkpoint / "trainer_state.json").write_text('{"global_step": 10}')
    assert not is_whole(checkpoint, 1)


def test_a_run_gets_whole_checkpoints_once(tmp_path):
    out, run = tmp_path / "backend", RunDirectory(tmp_path)
    publish(out, run, world=1, keep=2)
    assert run.steps() == []
    write(out, 9)
    broken = write(out, 10)
    truncate(broken / "optimizer.pt")
    publish(out, run, world=1, keep=2)
    assert run.steps() == [9]
    archive(broken / "optimizer.pt")
    (out / "last-checkpoint").symlink_to("checkpoint-10")
    publish(out, run, world=1, keep=2)
    assert run.steps() == [9, 10]
    names = {path.name for path in broken.iterdir()}
    assert {path.name for path in run.checkpoint(10).iterdir()} == names
    write(out, 11)
    publish(out, run, world=1, keep=2)
    publish(out, run, world=1, keep=2)
    assert run.steps() == [10, 11]
