"""A request to train a video model, with its inputs opened; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vtb.core.errors import UsageError
from vtb.core.home import cache_root
from vtb.data.request import split_rule
from vtb.data.store import Dataset, open_dataset
from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.models.wan.variants import Expert
from vtb.recipe.load import Resolved, load
from vtb.recipe.schema import VideoRecipe
from vtb.recipe.source import leaves
from vtb.run.extras import require_train_extra
from vtb.run.provenance import Gpu, gpus
from vtb.run.rundir import RunDirectory, RunRecord
from vtb.train.latents.clips import ClipSource
from vtb.train.launch.adapter import absolute_start, start_setting
from vtb.train.launch.cluster import Cluster, num_processes, pick_gpus
from vtb.train.launch.launcher import Launcher, pick_launcher
from vtb.train.launch.protocol import device_of, record_of
from vtb.train.loop.batching import by_shape, epoch_length

SPLIT = "train"
# Matters of the machine and of the user's taste; a run may go on with others.
FREE_KEYS = ("train.micro_batch", "train.activation_checkpointing", "train.compile")
FREE_TABLES = ("dist.", "log.")


@dataclass(frozen=True, slots=True)
class Machines:
    """Where a job is to run, as the user says it.

    `num_gpus` is that of each node, 0 for the CPU and None for as many as can share the batch;
    `node_rank` and `main_address` (HOST:PORT) are None where a job scheduler tells them.
    """

    num_gpus: int | None = None
    nodes: int = 1
    node_rank: int | None = None
    main_address: str | None = None
    launcher: str = "auto"


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A resolved recipe and what it is applied to.

    `clips` are those to train on. `settings` decide the result; a run directory keeps one set of
    them. `gpus` are those of this
    machine, none on a CPU; `is_auto` where their number was left to us. `expert` is set exactly
    where one of two transformers is trained.
    """

    resolved: Resolved[VideoRecipe]
    dataset: Dataset
    clips: ClipSource
    checkpoint: WanCheckpoint
    expert: Expert | None
    run: RunDirectory
    cache: Path
    gpus: tuple[Gpu, ...]
    cluster: Cluster
    launcher: Launcher
    steps: int
    stop_at: int
    settings: Mapping[str, Any]
    is_cache_only: bool = False
    is_auto: bool = False

    @property
    def recipe(self) -> VideoRecipe:
        """The validated recipe."""
        return self.resolved.recipe

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """The device by its torch name."""
        return device_of(self)

    def record(self) -> RunRecord:
        """What the run directory is to say of this job."""
        return record_of(
            self, "train.video", data=self.dataset.path, model=self.checkpoint.directory
        )


def wanted_experts(
    recipe: str, overrides: Sequence[str], expert: str | None
) -> tuple[Expert | None, ...]:
    """The experts to train, one after the other; `expert` wins over the recipe.

    A single None when neither names one, and for a VAE, which all experts share.
    """
    loaded = load(VideoRecipe, recipe, overrides).recipe
    if loaded.train.target == "vae":
        if expert is not None:
            raise UsageError("a VAE is trained without the experts", hint="leave --expert out")
        return (None,)
    wanted = expert or loaded.model.expert
    match wanted:
        case "both":
            return ("high", "low")
        case "high" | "low" | None:
            return (wanted,)
        case _:
            raise UsageError(f"unknown expert `{wanted}`", hint="high, low or both")


def open_job(
    recipe: str,
    overrides: Sequence[str],
    *,
    data: Path,
    model: Path,
    out: Path,
    machines: Machines,
    max_steps: int | None = None,
    expert: Expert | None = None,
    is_cache_only: bool = False,
) -> VideoJob:
    """Resolves a recipe and opens its inputs, reading no weights and no clips.

    `expert` wins over the recipe's. Raises UsageError for what is wrong with the request and
    MissingEnvironmentError for what is not installed or not there.
    """
    require_train_extra()
    chosen = [f"model.expert={expert}"] if expert else []
    resolved = load(VideoRecipe, recipe, [*overrides, *chosen])
    chosen += absolute_start(resolved.recipe.lora)
    resolved = load(VideoRecipe, recipe, [*overrides, *chosen])
    dataset = open_dataset(data.resolve())
    clips = ClipSource(dataset, resolved.recipe.data, SPLIT)
    checkpoint = _open_model(resolved.recipe, model.resolve())
    present = (path for path in checkpoint.files if path.is_file())
    steps = _schedule_length(resolved.recipe, dataset, clips)
    buckets = split_rule(dataset.path).buckets(SPLIT)
    train = resolved.recipe.train
    wants_gpu = machines.num_gpus != 0
    devices = pick_gpus(machines.num_gpus, gpus() if wants_gpu else [], train, machines.nodes)
    cluster = Cluster.of(
        num_processes(devices), machines.nodes, machines.node_rank, machines.main_address
    )
    return VideoJob(
        resolved=resolved,
        dataset=dataset,
        clips=clips,
        checkpoint=checkpoint,
        expert=_sole_expert(resolved.recipe, checkpoint),
        run=RunDirectory(out.resolve()),
        cache=cache_root(),
        gpus=devices,
        cluster=cluster,
        launcher=pick_launcher(machines.launcher, cluster, resolved.recipe.dist.strategy),
        steps=steps,
        stop_at=min(steps, max_steps or steps),
        settings={
            **{key: value for key, value in leaves(resolved.values) if _decides(key)},
            "data.manifest_hash": dataset.manifest_hash,
            "data.split": SPLIT,
            "data.buckets": [buckets.start, buckets.stop],
            "model.fingerprint": weights_fingerprint(present),
            **start_setting(resolved.recipe.lora),
        },
        is_cache_only=is_cache_only,
        is_auto=machines.num_gpus is None,
    )


def _decides(key: str) -> bool:
    return key not in (*FREE_KEYS, "summary") and not key.startswith(FREE_TABLES)


def _schedule_length(recipe: VideoRecipe, dataset: Dataset, clips: ClipSource) -> int:
    count = dataset.count(SPLIT)
    if not count:
        raise UsageError(
            f"`{dataset.path}` has no samples to train on",
            fact=f"its {dataset.count()} samples are all held out",
            hint="make more: repeat `vtb gen` with a larger -n",
        )
    if recipe.train.steps:
        return recipe.train.steps
    batch = recipe.train.batch
    if recipe.data.fit == "native":
        count = epoch_length(map(len, by_shape(clips.sizes)), batch)
    return math.ceil(recipe.train.epochs * count / batch)


def _open_model(recipe: VideoRecipe, directory: Path) -> WanCheckpoint:
    checkpoint = open_checkpoint(directory)
    family = recipe.model.family
    if checkpoint.variant.family != family:
        raise UsageError(
            f"the recipe trains `{family}`",
            fact=f"`{directory}` holds {checkpoint.variant.family}",
        )
    expert = _sole_expert(recipe, checkpoint)
    others = [part for name, part in checkpoint.transformers.items() if name != (expert or "")]
    checkpoint.require(part for part in checkpoint.parts if part not in others)
    return checkpoint


def _sole_expert(recipe: VideoRecipe, checkpoint: WanCheckpoint) -> Expert | None:
    if recipe.train.target == "vae":
        return None
    expert, variant = recipe.model.expert, checkpoint.variant
    if variant.boundary is None:
        if expert is not None:
            raise UsageError(
                f"`{variant.family}` has no experts to choose from",
                fact=f"model.expert = {expert}, but there is one transformer",
                hint="leave --expert and `model.expert` out",
            )
        return None
    if expert is None or expert == "both":
        raise UsageError(
            f"`{variant.family}` has two experts, and one run trains one of them",
            hint="--expert high, --expert low, or --expert both for one after the other",
        )
    return expert
