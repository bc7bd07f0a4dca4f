"""Whole runs of the tiny Wan in several processes, through the command line and each launcher."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from vtb.core.files import read_json_lines
from vtb.run.rundir import RunDirectory

pytestmark = pytest.mark.slow

STEPS = 12


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def start(home, mazes, tiny_wan):
    """Starts a training; the batch is 4 samples however many processes share it."""

    def begin(out, *flags, processes=1, steps=STEPS):
        options = ["-r", "video/wan2.2-ti2v-5b-tiny", "--data", mazes, "--model", tiny_wan]
        options += ["-s", "train.batch=4", "-s", f"train.steps={steps}", "-s", "save.every=5"]
        command = [sys.executable, "-m", "vtb", "train", "video", *options, "--gpus", "0"]
        return subprocess.Popen(
            [str(word) for word in [*command, "-o", out, *flags]],
            env={**os.environ, "VTB_HOME": str(home), "VTB_CPU_PROCESSES": str(processes)},
            start_new_session=True,
        )

    return begin


@pytest.fixture(scope="module")
def straight_path(tmp_path_factory):
    return tmp_path_factory.mktemp("straight") / "run"


@pytest.fixture
def straight(straight_path, start):
    """A run in one process, made by the first test that asks for it."""
    if not straight_path.exists():
        assert start(straight_path).wait() == 0
    return straight_path


def facts(out):
    rows = read_json_lines(out / "events.jsonl")
    return [(row["step"], row["loss"], row["grad_norm"]) for row in rows if "loss" in row]


def assert_same(out, other):
    ours, theirs = facts(out), facts(other)
    assert ours == [pytest.approx(row, rel=1e-5, abs=1e-6) for row in theirs]
    weights = [
        load_file(RunDirectory(path).checkpoint(theirs[-1][0]) / "lora.safetensors")
        for path in (out, other)
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-5, atol=1e-5)


def wait_for_step(out, step):
    deadline = time.monotonic() + 200
    while RunDirectory(out).last_event().get("step", 0) < step:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--launcher", "accelerate"],
        ["--launcher", "deepspeed"],
        ["-s", "dist.strategy=zero2"],
        ["-s", "dist.strategy=zero3"],
    ],
    ids=["torchrun", "accelerate", "deepspeed", "zero2", "zero3"],
)
def test_two_processes_end_where_one_does(tmp_path, straight, start, flags):
    assert start(tmp_path / "run", *flags, processes=2).wait() == 0
    assert_same(tmp_path / "run", straight)
    assert RunDirectory(tmp_path / "run").state()["world_size"] == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_stopped_in_two_processes_and_continued_in_one(tmp_path, start, number, code):
    steps, out = 200, tmp_path / "run"
    process = start(out, processes=2, steps=steps)
    wait_for_step(out, 20)
    os.kill(process.pid, number)
    assert process.wait() == code
    deadline = time.monotonic() + 60
    while (RunDirectory(out).checkpoints / ".vtb.lock").exists():
        assert time.monotonic() < deadline  # an orphan ends by itself
        time.sleep(0.1)
    assert 0 < max(RunDirectory(out).steps()) < steps
    assert start(out, steps=steps).wait() == 0
    assert start(tmp_path / "straight", steps=steps).wait() == 0
    assert_same(out, tmp_path / "straight")


def test_two_machines_share_a_run(tmp_path, straight, start):
    out = tmp_path / "run"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--nodes", "2", "--main-address", f"127.0.0.1:{port}"]
    second = start(out, *flags, "--node-rank", "1")
    first = start(out, *flags, "--node-rank", "0")
    assert (first.wait(), second.wait()) == (0, 0)
    assert_same(out, straight)
    assert RunDirectory(out).state()["nodes"] == 2
    assert (out / "log-1.txt").exists()
