"""Several processes on a CPU train what one does, whatever the strategy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vtb.core.files import read_json_lines
from vtb.run.environment import training_environment
from vtb.run.rundir import RunDirectory

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("processes.py")


def train(out, *, world=2, strategy="ddp", dtype="float32", stop_at=8, broken=-1):
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    words = [SCRIPT, out, strategy, dtype, stop_at, broken]
    done = subprocess.run(
        [sys.executable, *launcher, *map(str, words)],
        env={**os.environ, **training_environment(os.environ, on_gpu=False)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def facts(out, *keys):
    return [[row[key] for key in keys] for row in read_json_lines(out / "events.jsonl")]


def checkpoint(out):
    run = RunDirectory(out)
    directory = run.checkpoint(run.steps()[-1])
    return {**load_file(directory / "lora"), **load_file(directory / "optimizer.safetensors")}


def assert_same(out, other, tolerance=1e-5):
    keys = ("step", "loss", "grad_norm", "lr")
    assert facts(out, *keys) == [pytest.approx(row, rel=tolerance) for row in facts(other, *keys)]
    ours, theirs = checkpoint(out), checkpoint(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, theirs[name], rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    train(out, world=1)
    return out


@pytest.fixture(scope="module")
def alone_bfloat16(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    train(out, world=1, dtype="bfloat16")
    return out


@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3"])
def test_two_processes_train_as_one_does(tmp_path, alone, strategy):
    train(tmp_path / "run", strategy=strategy)
    assert_same(tmp_path / "run", alone)


@pytest.mark.parametrize("strategy", ["zero2", "zero3"])
def test_a_run_continues_with_another_strategy_and_world(tmp_path, alone, strategy):
    train(tmp_path / "run", strategy=strategy, stop_at=3)
    train(tmp_path / "run", strategy="ddp", world=1, stop_at=5)
    train(tmp_path / "run", strategy=strategy)
    assert_same(tmp_path / "run", alone)


@pytest.mark.parametrize("strategy", ["zero2", "zero3"])
def test_a_bfloat16_base_keeps_float32_masters(tmp_path, alone_bfloat16, strategy):
    train(tmp_path / "run", strategy=strategy, dtype="bfloat16", stop_at=4)
    train(tmp_path / "run", strategy=strategy, dtype="bfloat16")
    # Gradients are rounded to bfloat16 here, and not with ddp.
    assert_same(tmp_path / "run", alone_bfloat16, tolerance=0.02)


@pytest.mark.parametrize("strategy", ["ddp", "zero2", "zero3"])
def test_a_nonfinite_step_of_one_process_changes_nothing(tmp_path, strategy):
    train(tmp_path / "run", strategy=strategy, stop_at=3)
    before = checkpoint(tmp_path / "run")
    train(tmp_path / "run", strategy=strategy, stop_at=4, broken=13)
    after = checkpoint(tmp_path / "run")
    assert facts(tmp_path / "run", "loss", "grad_norm")[3] == [None, None]
    assert all(torch.equal(before[name], after[name]) for name in before)
