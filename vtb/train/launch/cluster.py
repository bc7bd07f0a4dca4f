"""The machines of a run, the processes on each, and this machine's place; imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from vtb.core.errors import MissingEnvironmentError, UsageError
from vtb.recipe.schema import TrainTable
from vtb.run.provenance import Gpu

DEFAULT_PORT = 29500
# Places in the job of whoever starts one command on each machine: SLURM, Open MPI, torchrun.
RANK_VARIABLES = ("SLURM_NODEID", "OMPI_COMM_WORLD_RANK", "NODE_RANK", "GROUP_RANK")
# A user has no reason to share one CPU among processes, but tests of several need no GPU with it.
CPU_PROCESSES = "VTB_CPU_PROCESSES"


@dataclass(frozen=True, slots=True)
class Cluster:
    """`nodes` machines with `processes` each; node 0 is reached at `host` and `port`.

    All of them see the run directory. Node 0 alone writes its records; the others start processes.
    """

    processes: int = 1
    nodes: int = 1
    rank: int = 0
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT

    @classmethod
    def of(
        cls,
        processes: int,
        nodes: int,
        rank: int | None,
        address: str | None,
        environment: Mapping[str, str] = os.environ,
    ) -> Self:
        """What flags say and, where they are silent, the variables of a job scheduler.

        Raises UsageError when several machines cannot be told apart or have no meeting point.
        """
        host, port = _host_and_port(address or _found_address(environment))
        if nodes == 1:
            return cls(processes, host=host, port=port)
        place = _found_rank(environment) if rank is None else rank
        if place is None or not 0 <= place < nodes:
            raise UsageError(
                f"which of the {nodes} nodes this is must be known",
                fact="no scheduler tells" if place is None else f"there is no node {place}",
                hint=f"--node-rank 0 on the first one, up to {nodes - 1} on the others",
            )
        if not (address or _found_address(environment)):
            raise UsageError(
                f"the {nodes} nodes have no meeting point",
                hint="--main-address HOST:PORT, that of the first node, on each of them",
            )
        return cls(processes, nodes, place, host, port)

    @property
    def world(self) -> int:
        """Processes on all machines together."""
        return self.processes * self.nodes

    @property
    def is_main(self) -> bool:
        """Whether this machine writes the run directory."""
        return self.rank == 0


def pick_gpus(
    num_gpus: int | None, found: Sequence[Gpu], train: TrainTable, nodes: int
) -> tuple[Gpu, ...]:
    """The first `num_gpus` devices of this machine, none for the CPU.

    None stands for as many as can share the batch evenly. Raises MissingEnvironmentError when
    there are fewer.
    """
    if num_gpus is None:
        round_size = train.micro_batch * nodes
        sharing = (n for n in range(len(found), 1, -1) if train.batch % (n * round_size) == 0)
        num_gpus = next(sharing, min(1, len(found)))
    if num_gpus > len(found):
        raise MissingEnvironmentError(
            f"there are no {num_gpus} GPUs here" if found else "there is no GPU here",
            fact=f"nvidia-smi lists {len(found) or 'none'}",
            hint=f"train with --gpus {len(found)}",
        )
    return tuple(found[:num_gpus])


def num_processes(gpus: Sequence[Gpu], environment: Mapping[str, str] = os.environ) -> int:
    """Processes on this machine: one per GPU; on a CPU one, unless VTB_CPU_PROCESSES says more."""
    return len(gpus) or int(environment.get(CPU_PROCESSES, "1"))


def _host_and_port(address: str | None) -> tuple[str, int]:
    if address is None:
        return "127.0.0.1", DEFAULT_PORT
    host, separator, port = address.rpartition(":")
    if not (host and separator and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise UsageError(
            f"`--main-address {address}` is no address", hint=f"HOST:PORT, as node0:{DEFAULT_PORT}"
        )
    return host, int(port)


def _found_rank(environment: Mapping[str, str]) -> int | None:
    ranks = (environment.get(name, "") for name in RANK_VARIABLES)
    return next((int(rank) for rank in ranks if rank.isdecimal()), None)


def _found_address(environment: Mapping[str, str]) -> str | None:
    port = environment.get("MASTER_PORT", DEFAULT_PORT)
    host = environment.get("MASTER_ADDR") or _first_host(environment.get("SLURM_JOB_NODELIST", ""))
    return f"{host}:{port}" if host else None


def _first_host(nodes: str) -> str:
    # SLURM writes `gpu[003-005,9],login1` for gpu003, gpu004, gpu005, gpu9 and login1.
    match = re.match(r"([^,\[]+)(?:\[([^,\-\]]+)[^\]]*\])?", nodes)
    return "".join(part or "" for part in match.groups()) if match else ""
