"""Machines, devices and the command that starts processes."""

import itertools
import sys
from pathlib import Path

import pytest
import yaml

from vtb.core.errors import MissingEnvironmentError, UsageError
from vtb.recipe.schema import TrainTable
from vtb.run.provenance import Gpu
from vtb.train.launch.cluster import Cluster, num_processes, pick_gpus
from vtb.train.launch.launcher import LAUNCHERS, launch_argv, launch_files, pick_launcher

RUN = Path("/run")
MODULE = ("toy", "a", "b")
TWO_NODES = Cluster(processes=4, nodes=2, rank=1, host="gpu1", port=1234)


def gpus(count):
    return [Gpu(f"GPU {number}", 80.0) for number in range(count)]


@pytest.mark.parametrize(
    ("found", "batch", "micro_batch", "nodes", "chosen"),
    [
        (0, 8, 1, 1, 0),
        (8, 8, 1, 1, 8),
        (8, 6, 1, 1, 6),
        (8, 1, 1, 1, 1),
        (8, 8, 2, 1, 4),
        (8, 8, 1, 2, 4),
        (8, 7, 2, 1, 1),  # cannot be shared at all; the preflight says so
    ],
)
def test_auto_takes_as_many_gpus_as_can_share_the_batch(found, batch, micro_batch, nodes, chosen):
    train = TrainTable(batch=batch, micro_batch=micro_batch)
    assert pick_gpus(None, gpus(found), train, nodes) == tuple(gpus(found)[:chosen])


def test_gpus_that_are_asked_for_must_be_there():
    assert pick_gpus(2, gpus(4), TrainTable(), 1) == tuple(gpus(2))
    assert pick_gpus(0, [], TrainTable(), 1) == ()
    with pytest.raises(MissingEnvironmentError, match="no 3 GPUs here") as caught:
        pick_gpus(3, gpus(2), TrainTable(), 1)
    assert caught.value.hint == "train with --gpus 2"
    with pytest.raises(MissingEnvironmentError, match="there is no GPU here"):
        pick_gpus(1, [], TrainTable(), 1)


def test_one_process_per_gpu_and_one_on_a_cpu_unless_told():
    assert num_processes(gpus(3), {}) == 3
    assert num_processes([], {}) == 1
    assert num_processes([], {"VTB_CPU_PROCESSES": "2"}) == 2


SLURM = {"SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "gpu[003-005,9],login1"}


@pytest.mark.parametrize(
    ("rank", "address", "environment", "expected"),
    [
        (1, "host:99", {}, (1, "host", 99)),
        (None, None, SLURM, (1, "gpu003", 29500)),
        (0, "here:1", SLURM, (0, "here", 1)),
        (None, None, {"SLURM_NODEID": "0", "SLURM_JOB_NODELIST": "a,b"}, (0, "a", 29500)),
        (None, "h:5", {"OMPI_COMM_WORLD_RANK": "1"}, (1, "h", 5)),
        (None, None, {"NODE_RANK": "1", "MASTER_ADDR": "m", "MASTER_PORT": "7"}, (1, "m", 7)),
    ],
)
def test_place_of_a_machine_by_flags_or_scheduler(rank, address, environment, expected):
    cluster = Cluster.of(2, 2, rank, address, environment)
    assert (cluster.rank, cluster.host, cluster.port) == expected
    assert cluster.world == 4


@pytest.mark.parametrize(
    ("rank", "address", "message"),
    [
        (None, "host:1", "which of the 2 nodes"),
        (2, "host:1", "which of the 2 nodes"),
        (0, None, "no meeting point"),
        (0, "host", "is no address"),
        (0, "host:99999", "is no address"),
    ],
)
def test_machines_that_cannot_meet(rank, address, message):
    with pytest.raises(UsageError, match=message):
        Cluster.of(1, 2, rank, address, {})


def test_one_machine_needs_neither_rank_nor_address():
    assert Cluster.of(1, 1, None, None, {}) == Cluster()


@pytest.mark.parametrize(
    ("name", "world", "strategy", "chosen"),
    [
        ("auto", 1, "ddp", "none"),
        ("auto", 2, "ddp", "torchrun"),
        ("auto", 1, "zero3", "torchrun"),
        ("accelerate", 2, "zero2", "accelerate"),
        ("torchrun", 1, "ddp", "torchrun"),
    ],
)
def test_launcher(name, world, strategy, chosen):
    assert pick_launcher(name, Cluster(world), strategy) == chosen


@pytest.mark.parametrize(
    ("name", "cluster", "strategy", "message"),
    [
        ("mpirun", Cluster(), "ddp", "unknown launcher `mpirun`"),
        ("none", Cluster(2), "ddp", "without a launcher there is one process"),
        ("none", Cluster(), "zero2", "needs a launcher"),
        ("deepspeed", TWO_NODES, "ddp", "SSH"),
    ],
)
def test_launchers_that_cannot(name, cluster, strategy, message):
    with pytest.raises(UsageError, match=message):
        pick_launcher(name, cluster, strategy)


def test_commands_end_with_the_module_and_its_arguments():
    for launcher in LAUNCHERS:
        argv = launch_argv(launcher, Cluster(2), MODULE, RUN)
        assert (argv[0], argv[-3:]) == (sys.executable, list(MODULE))
    assert launch_argv("none", Cluster(), MODULE, RUN) == [sys.executable, "-m", *MODULE]


def test_torchrun_on_several_machines():
    argv = launch_argv("torchrun", TWO_NODES, MODULE, RUN)
    words = dict(itertools.pairwise(argv))
    assert (words["--nnodes"], words["--nproc-per-node"], words["--node-rank"]) == ("2", "4", "1")
    assert (words["--rdzv-backend"], words["--rdzv-endpoint"]) == ("static", "gpu1:1234")
    assert "--standalone" in launch_argv("torchrun", Cluster(2), MODULE, RUN)


def test_configuration_of_accelerate():
    [(path, text)] = launch_files("accelerate", TWO_NODES, RUN).items()
    assert path == "/run/accelerate-1.yaml"
    assert path in launch_argv("accelerate", TWO_NODES, MODULE, RUN)
    config = yaml.safe_load(text)
    assert config["num_machines"] == 2
    assert config["num_processes"] == 8
    assert (config["machine_rank"], config["mixed_precision"]) == (1, "no")
    assert (config["main_process_ip"], config["main_process_port"]) == ("gpu1", 1234)
    assert launch_files("torchrun", TWO_NODES, RUN) == {}


def test_deepspeed_keeps_to_the_visible_devices(monkeypatch, tmp_path):
    def words():
        return launch_argv("deepspeed", Cluster(2), ["module"], tmp_path)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert words()[3:5] == ["--num_gpus", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5")
    assert words()[3:5] == ["--include", "localhost:2,3"]
    assert "--num_gpus" not in words()
