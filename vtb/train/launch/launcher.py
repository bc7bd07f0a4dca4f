"""The command that starts the processes of a run; imports no torch.

Every launcher gives its processes the same variables, so a process does not know which one it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from vtb.core.errors import UsageError
from vtb.train.launch.cluster import Cluster

Launcher = Literal["none", "accelerate", "torchrun", "deepspeed"]
LAUNCHERS: tuple[Launcher, ...] = get_args(Launcher)


def pick_launcher(name: str, cluster: Cluster, strategy: str) -> Launcher:
    """The launcher of that name, or for `auto` torchrun, or none for a single process.

    DeepSpeed's strategies need the variables of a launcher even for a single process. Raises
    UsageError for one that cannot start these processes.
    """
    if name == "auto":
        return "torchrun" if cluster.world > 1 or strategy != "ddp" else "none"
    if name not in LAUNCHERS:
        raise UsageError(f"unknown launcher `{name}`", hint=f"auto, {', '.join(LAUNCHERS)}")
    if name == "none" and cluster.world > 1:
        raise UsageError(
            "without a launcher there is one process",
            fact=f"{cluster.world} are wanted",
            hint="--launcher auto",
        )
    if name == "none" and strategy != "ddp":
        raise UsageError(f"`dist.strategy = {strategy}` needs a launcher", hint="--launcher auto")
    if name == "deepspeed" and cluster.nodes > 1:
        raise UsageError(
            "deepspeed reaches other machines by SSH, and we start on each of them",
            hint="--launcher torchrun",
        )
    return name


def launch_argv(
    launcher: Launcher, cluster: Cluster, module: Sequence[str], run: Path
) -> list[str]:
    """The whole command that starts this machine's processes.

    `module` is the name of a Python module and its arguments.
    """
    match launcher:
        case "none":
            words = []
        case "torchrun":
            words = ["torch.distributed.run", *_torchrun(cluster), "--module"]
        case "accelerate":
            config = str(config_path(run, cluster))
            words = ["accelerate.commands.launch", "--config_file", config, "--module"]
        case "deepspeed":
            words = ["deepspeed.launcher.runner", *_deepspeed(cluster), "--module"]
    return [sys.executable, "-m", *words, *module]


def launch_files(launcher: Launcher, cluster: Cluster, run: Path) -> Mapping[str, str]:
    """Files that the command reads besides the recipe: their text by absolute path."""
    if launcher != "accelerate":
        return {}
    return {str(config_path(run, cluster)): accelerate_yaml(cluster)}


def config_path(run: Path, cluster: Cluster) -> Path:
    """This machine's configuration of accelerate; machines may share the run directory."""
    return run / ("accelerate.yaml" if cluster.is_main else f"accelerate-{cluster.rank}.yaml")


def accelerate_yaml(cluster: Cluster) -> str:
    """The configuration of accelerate.

    MULTI_GPU is its word for processes that it starts itself; on which device each of them
    computes, and with which strategy, is decided in there. Port 0 is any free one.
    """
    port = 0 if cluster.nodes == 1 else cluster.port
    return f"""\
compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
dynamo_backend: 'no'
machine_rank: {cluster.rank}
main_process_ip: {cluster.host}
main_process_port: {port}
mixed_precision: 'no'
num_machines: {cluster.nodes}
num_processes: {cluster.world}
rdzv_backend: static
same_network: true
use_cpu: false
"""


def _torchrun(cluster: Cluster) -> list[str]:
    each = ["--nproc-per-node", str(cluster.processes)]
    if cluster.nodes == 1:
        return ["--standalone", *each]
    # The static meeting keeps the order of the machines, so that node 0 has process 0.
    return [
        *("--nnodes", str(cluster.nodes), "--node-rank", str(cluster.rank), *each),
        *("--rdzv-backend", "static", "--rdzv-endpoint", f"{cluster.host}:{cluster.port}"),
    ]


def _deepspeed(cluster: Cluster) -> list[str]:
    each = str(cluster.processes)
    address = ["--master_addr", cluster.host, "--master_port", str(cluster.port)]
    # With --num_gpus it would forget CUDA_VISIBLE_DEVICES and take the first devices.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    chosen = [name for name in visible if name.strip()][: cluster.processes]
    which = ["--include", f"localhost:{','.join(chosen)}"] if chosen else ["--num_gpus", each]
    return [*which, *address, "--no_local_rank"]
