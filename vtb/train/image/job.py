"""A request to train an image model, with its inputs opened; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.errors import UsageError
from vtb.core.home import cache_root
from vtb.data.request import split_rule
from vtb.data.store import Dataset, open_dataset
from vtb.models.identity import weights_fingerprint
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint, open_checkpoint
from vtb.recipe.image import ImageRecipe
from vtb.recipe.load import Resolved, load
from vtb.recipe.source import leaves
from vtb.run.extras import require_train_extra
from vtb.run.provenance import Gpu, gpus
from vtb.run.rundir import RunDirectory, RunRecord
from vtb.train.image.pictures import PictureSource
from vtb.train.launch.adapter import absolute_start, start_setting
from vtb.train.launch.cluster import Cluster, num_processes, pick_gpus
from vtb.train.launch.job import FREE_KEYS, FREE_TABLES, SPLIT, Machines
from vtb.train.launch.launcher import Launcher, pick_launcher
from vtb.train.launch.protocol import record_of
from vtb.train.loop.batching import by_shape, epoch_length

STRATEGY = "ddp"


@dataclass(frozen=True, slots=True)
class ImageJob:
    """A resolved recipe and what it is applied to.

    `pictures` are those to train on. `settings` decide the result; a run directory keeps one set of
    them. `gpus` are those of this machine, none on a CPU; `is_auto` where their number was left to
    us.
    """

    resolved: Resolved[ImageRecipe]
    dataset: Dataset
    pictures: PictureSource
    checkpoint: QwenImageCheckpoint
    run: RunDirectory
    cache: Path
    gpus: tuple[Gpu, ...]
    cluster: Cluster
    launcher: Launcher
    steps: int
    stop_at: int
    settings: Mapping[str, Any]
    is_auto: bool = False

    @property
    def recipe(self) -> ImageRecipe:
        """The validated recipe."""
        return self.resolved.recipe

    def record(self) -> RunRecord:
        """What the run directory is to say of this job."""
        return record_of(
            self, "train.image", data=self.dataset.path, model=self.checkpoint.directory
        )


def open_job(
    recipe: str,
    overrides: Sequence[str],
    *,
    data: Path,
    model: Path,
    out: Path,
    machines: Machines,
    max_steps: int | None = None,
) -> ImageJob:
    """Resolves a recipe and opens its inputs, reading no weights; pictures are read once, to hash.

    Raises UsageError for what is wrong with the request and MissingEnvironmentError for what is
    not installed or not there.
    """
    require_train_extra()
    resolved = load(ImageRecipe, recipe, overrides)
    absolute = absolute_start(resolved.recipe.lora)
    resolved = load(ImageRecipe, recipe, [*overrides, *absolute])
    dataset = open_dataset(data.resolve())
    checkpoint = _open_model(resolved.recipe, model.resolve())
    pictures = pictures_of(dataset, resolved.recipe, checkpoint)
    steps = _schedule_length(resolved.recipe, pictures)
    train = resolved.recipe.train
    found = gpus() if machines.num_gpus != 0 else []
    devices = pick_gpus(machines.num_gpus, found, train, machines.nodes)
    cluster = Cluster.of(
        num_processes(devices), machines.nodes, machines.node_rank, machines.main_address
    )
    return ImageJob(
        resolved=resolved,
        dataset=dataset,
        pictures=pictures,
        checkpoint=checkpoint,
        run=RunDirectory(out.resolve()),
        cache=cache_root(),
        gpus=devices,
        cluster=cluster,
        launcher=pick_launcher(machines.launcher, cluster, STRATEGY),
        steps=steps,
        stop_at=min(steps, max_steps or steps),
        settings=_settings(resolved, dataset, checkpoint),
        is_auto=machines.num_gpus is None,
    )


def pictures_of(
    dataset: Dataset, recipe: ImageRecipe, checkpoint: QwenImageCheckpoint
) -> PictureSource:
    """The samples that a recipe trains on."""
    is_edit = checkpoint.variant.references != "none"
    return PictureSource(dataset, recipe.data, is_edit=is_edit, split=SPLIT)


def _settings(
    resolved: Resolved[ImageRecipe], dataset: Dataset, checkpoint: QwenImageCheckpoint
) -> dict[str, Any]:
    buckets = split_rule(dataset.path).buckets(SPLIT)
    decisive = {
        key: value
        for key, value in leaves(resolved.values)
        if key not in (*FREE_KEYS, "summary") and not key.startswith(FREE_TABLES)
    }
    return {
        **decisive,
        "data.manifest_hash": dataset.manifest_hash,
        "data.split": SPLIT,
        "data.buckets": [buckets.start, buckets.stop],
        "model.fingerprint": weights_fingerprint(checkpoint.files),
        **start_setting(resolved.recipe.lora),
    }


def _schedule_length(recipe: ImageRecipe, pictures: PictureSource) -> int:
    if not pictures.rows:
        raise UsageError(
            "there are no samples to train on",
            fact="the split `train` of the data set is empty",
            hint="make more: repeat `vtb gen` with a larger -n",
        )
    if recipe.train.steps:
        return recipe.train.steps
    batch = recipe.train.batch
    count = epoch_length(map(len, by_shape(pictures.shapes)), batch)
    return math.ceil(recipe.train.epochs * count / batch)


def _open_model(recipe: ImageRecipe, directory: Path) -> QwenImageCheckpoint:
    checkpoint = open_checkpoint(directory)
    if checkpoint.family != recipe.model.family:
        raise UsageError(
            f"the recipe trains `{recipe.model.family}`",
            fact=f"`{directory}` holds {checkpoint.family}",
            hint=f"-s model.family={checkpoint.family}, or another --model",
        )
    checkpoint.require(checkpoint.parts)
    return checkpoint
