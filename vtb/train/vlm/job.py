"""A request to train a vision-language model, with its inputs opened; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import MissingEnvironmentError, UsageError, did_you_mean
from vtb.data.request import split_rule
from vtb.data.store import Dataset, open_dataset
from vtb.models.identity import weights_fingerprint
from vtb.models.qwen3_vl.checkpoint import FAMILY, read_config, weight_files
from vtb.models.qwen3_vl.clips import ClipLimits
from vtb.models.qwen3_vl.pictures import PictureLimits
from vtb.recipe.load import Resolved, load
from vtb.recipe.source import leaves
from vtb.recipe.vlm import Band, VlmRecipe
from vtb.run.extras import require_train_extra
from vtb.run.provenance import Gpu, gpus
from vtb.run.rundir import RunDirectory, RunRecord
from vtb.train.launch.cluster import Cluster, num_processes, pick_gpus
from vtb.train.launch.job import SPLIT, Machines
from vtb.train.launch.protocol import record_of

# Matters of the machine and of the user's taste; a run may go on with others.
FREE_KEYS = (
    "summary",
    "train.micro_batch",
    "train.activation_checkpointing",
    "grpo.completions_keep",
    "rollout.memory",
)
FREE_TABLES = ("dist.", "log.")
# Free as well, unless it chooses what is trained on.
PREFLIGHT = "preflight."


@dataclass(frozen=True, slots=True)
class VlmJob:
    """A resolved recipe and what it is applied to; see `vtb.train.launch.protocol.Job`.

    `model` is the directory of the base, `weights` are its files. Of the data set `num_samples`
    are trained on.
    """

    resolved: Resolved[VlmRecipe]
    dataset: Dataset
    model: Path
    weights: tuple[Path, ...]
    run: RunDirectory
    gpus: tuple[Gpu, ...]
    cluster: Cluster
    num_samples: int
    steps: int
    stop_at: int
    settings: Mapping[str, Any]

    @property
    def recipe(self) -> VlmRecipe:
        """The validated recipe."""
        return self.resolved.recipe

    @property
    def is_grpo(self) -> bool:
        """Whether the model learns from rewards."""
        return self.recipe.train.method == "grpo"

    @property
    def band(self) -> Band | None:
        """The base model's accuracy on puzzles that are trained on; None where it is no matter."""
        return self.recipe.curriculum.band if self.is_grpo else None

    @property
    def limits(self) -> PictureLimits:
        """How large pictures are in training and must be afterwards."""
        return limits_of(self.recipe)

    @property
    def clips(self) -> ClipLimits | None:
        """How clips are shown; None where pictures are."""
        return clips_of(self.recipe)

    def record(self) -> RunRecord:
        """What the run directory is to say of this job."""
        return record_of(self, "train.vlm", data=self.dataset.path, model=self.model)


def limits_of(recipe: VlmRecipe) -> PictureLimits:
    """How large pictures are in training by a recipe."""
    return PictureLimits(recipe.data.image_min_tokens, recipe.data.image_max_tokens)


def clips_of(recipe: VlmRecipe) -> ClipLimits | None:
    """How clips are shown in training by a recipe; None where pictures are."""
    data = recipe.data
    if data.media == "image":
        return None
    return ClipLimits(data.video_min_tokens, data.video_max_tokens, data.fps, data.max_frames)


def open_vlm_job(
    recipe: str,
    overrides: Sequence[str],
    *,
    data: Path,
    model: Path,
    out: Path,
    machines: Machines,
    max_steps: int | None = None,
) -> VlmJob:
    """Resolves a recipe and opens its inputs, reading no weights and no pictures.

    Raises UsageError for what is wrong with the request and MissingEnvironmentError for what is
    not installed or not there.
    """
    require_train_extra()
    resolved = load(VlmRecipe, recipe, overrides)
    dataset = open_dataset(data.resolve())
    weights = _weights(resolved.recipe, model.resolve())
    num_samples = _num_samples(dataset, resolved.recipe.data.tasks)
    steps = _schedule_length(resolved.recipe, num_samples)
    found = gpus() if machines.num_gpus != 0 else []
    devices = pick_gpus(machines.num_gpus, found, resolved.recipe.train, machines.nodes)
    return VlmJob(
        resolved=resolved,
        dataset=dataset,
        model=model.resolve(),
        weights=weights,
        run=RunDirectory(out.resolve()),
        gpus=devices,
        cluster=Cluster.of(
            num_processes(devices), machines.nodes, machines.node_rank, machines.main_address
        ),
        num_samples=num_samples,
        steps=steps,
        stop_at=min(steps, max_steps or steps),
        settings=_settings(resolved, dataset, weights),
    )


def _settings(
    resolved: Resolved[VlmRecipe], dataset: Dataset, weights: Sequence[Path]
) -> dict[str, Any]:
    buckets = split_rule(dataset.path).buckets(SPLIT)
    chooses = resolved.recipe.curriculum.band is not None
    free_tables = FREE_TABLES if chooses else (*FREE_TABLES, PREFLIGHT)
    decisive = (
        (key, value)
        for key, value in leaves(resolved.values)
        if key not in FREE_KEYS and not key.startswith(free_tables)
    )
    return {
        **dict(decisive),
        "data.manifest_hash": dataset.manifest_hash,
        "data.split": SPLIT,
        "data.buckets": [buckets.start, buckets.stop],
        "model.fingerprint": weights_fingerprint(weights),
    }


def _weights(recipe: VlmRecipe, directory: Path) -> tuple[Path, ...]:
    if recipe.model.family != FAMILY:
        hint = did_you_mean(recipe.model.family, [FAMILY])
        raise UsageError(f"`{recipe.model.family}` is no vision-language model", hint=hint)
    if not directory.is_dir():
        raise MissingEnvironmentError(
            f"model directory `{directory}` does not exist", hint=f"vtb models init {FAMILY}"
        )
    read_config(directory)
    files = tuple(directory / name for name in weight_files(directory))
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise MissingEnvironmentError(
            f"`{directory}` is incomplete",
            fact=f"no {missing[0]}",
            hint=f"vtb models check {directory}",
        )
    return files


def _num_samples(dataset: Dataset, tasks: Sequence[str]) -> int:
    present = dataset.column("task", SPLIT)
    absent = sorted({*tasks} - {*present})
    if absent:
        raise UsageError(
            f"`{dataset.path}` has no `{absent[0]}` to train on",
            hint=did_you_mean(absent[0], set(present)),
        )
    count = sum(task in tasks for task in present) if tasks else len(present)
    if not count:
        raise UsageError(
            f"`{dataset.path}` has no samples to train on",
            fact=f"its {dataset.count()} samples are all held out",
            hint="make more: repeat `vtb gen` with a larger -n",
        )
    return count


def _schedule_length(recipe: VlmRecipe, num_samples: int) -> int:
    train = recipe.train
    if train.steps:
        return train.steps
    each = recipe.grpo.generations if train.method == "grpo" else 1
    return math.ceil(train.epochs * num_samples * each / train.batch)
