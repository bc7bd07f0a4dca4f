"""A request to train, whatever is trained; imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from vtb.recipe.load import Resolved
from vtb.recipe.source import leaves
from vtb.run.plan import Check, Estimates, Plan
from vtb.run.provenance import Gpu
from vtb.run.rundir import RunDirectory, RunRecord
from vtb.train.launch.cluster import Cluster


class Job(Protocol):
    """A resolved recipe and what it is applied to.

    `settings` decide the result; a run directory keeps one set of them. The run follows a schedule
    of `steps` and stops at `stop_at`. `gpus` are those of this machine, none on a CPU.
    """

    @property
    def resolved(self) -> Resolved[Any]:
        """The recipe, whose `train.batch` counts the samples of a step."""
        ...

    @property
    def run(self) -> RunDirectory:
        """Where it is recorded."""
        ...

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The devices to use here."""
        ...

    @property
    def cluster(self) -> Cluster:
        """The machines, and which of them this is."""
        ...

    @property
    def steps(self) -> int:
        """Length of the schedule."""
        ...

    @property
    def stop_at(self) -> int:
        """The last step of this invocation."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """What decides the result, as JSON by dotted keys."""
        ...

    def record(self) -> RunRecord:
        """What the run directory is to say of this job."""
        ...


def device_of(job: Job) -> Literal["cpu", "cuda"]:
    """The device by its torch name."""
    return "cuda" if job.gpus else "cpu"


def log_of(job: Job) -> Path:
    """What the processes of this machine print; each machine has a file of its own."""
    main = job.run.log
    return main if job.cluster.is_main else main.with_stem(f"{main.stem}-{job.cluster.rank}")


def record_of(job: Job, kind: str, *, data: Path, model: Path) -> RunRecord:
    """The record of a job with these inputs; its id is made of the recipe's name and a hash."""
    digest = hashlib.blake2b(repr(sorted(job.settings.items())).encode(), digest_size=4)
    name = Path(job.resolved.name).name.removesuffix(".toml")
    return RunRecord(
        id=f"{name}-{digest.hexdigest()}",
        kind=kind,
        recipe_name=job.resolved.name,
        settings=job.settings,
        inputs={"data": str(data), "model": str(model)},
        device=device_of(job),
        steps=job.steps,
        stop_at=job.stop_at,
        gpus=tuple(gpu.name for gpu in job.gpus),
        nodes=job.cluster.nodes,
        world=job.cluster.world,
    )


def plan_of(
    job: Job,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    data: Path,
    model: Path,
    checks: Iterable[Check],
    estimates: Estimates,
    **more: Any,
) -> Plan:
    """The plan of a job with these inputs; `more` are other fields of `Plan`."""
    return Plan(
        argv=tuple(argv),
        env=env,
        cwd=str(Path.cwd()),
        inputs={"data": str(data), "model": str(model), "recipe": job.resolved.name},
        outputs={
            "run": str(job.run.path),
            "checkpoints": str(job.run.checkpoints),
            "final": str(job.run.final),
        },
        checks=tuple(checks),
        estimates=estimates,
        recipe={
            key: {"value": value, "origin": job.resolved.origins[key]}
            for key, value in leaves(job.resolved.values)
        },
        **more,
    )
