"""A request to train a video model, with its inputs opened; imports no torch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vtb.core.errors import MissingEnvironmentError, UsageError
from vtb.data.request import split_rule
from vtb.data.store import Dataset, open_dataset
from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.recipe.load import Resolved, load
from vtb.recipe.schema import VideoRecipe
from vtb.recipe.source import leaves
from vtb.run.extras import require_train_extra
from vtb.run.provenance import Gpu, gpus
from vtb.run.rundir import RunDirectory, RunRecord

SPLIT = "train"


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A resolved recipe and what it is applied to.

    `settings` decide the result; a run directory keeps one set of them. `gpu` is None on a CPU.
    """

    resolved: Resolved[VideoRecipe]
    dataset: Dataset
    checkpoint: WanCheckpoint
    run: RunDirectory
    gpu: Gpu | None
    steps: int
    stop_at: int
    settings: dict[str, Any]

    @property
    def recipe(self) -> VideoRecipe:
        """The validated recipe."""
        return self.resolved.recipe

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        """The device by its torch name."""
        return "cuda" if self.gpu else "cpu"

    def record(self) -> RunRecord:
        """What the run directory is to say of this job."""
        digest = hashlib.blake2b(repr(sorted(self.settings.items())).encode(), digest_size=4)
        name = Path(self.resolved.name).name.removesuffix(".toml")
        return RunRecord(
            id=f"{name}-{digest.hexdigest()}",
            kind="train.video",
            recipe_name=self.resolved.name,
            settings=self.settings,
            inputs={"data": str(self.dataset.path), "model": str(self.checkpoint.directory)},
            device=self.device,
            steps=self.steps,
            stop_at=self.stop_at,
        )


def open_job(
    recipe: str,
    overrides: Sequence[str],
    *,
    data: Path,
    model: Path,
    out: Path,
    num_gpus: int | None,
    max_steps: int | None = None,
) -> VideoJob:
    """Resolves a recipe and opens its inputs, reading no weights and no clips.

    `num_gpus` is 0 for the CPU, 1 for a GPU and None for a GPU if there is one. Raises UsageError
    for what is wrong with the request and MissingEnvironmentError for what is not installed or
    not there.
    """
    require_train_extra()
    resolved = load(VideoRecipe, recipe, overrides)
    dataset = open_dataset(data.resolve())
    checkpoint = _open_model(resolved.recipe, model.resolve())
    steps = _schedule_length(resolved.recipe, dataset)
    buckets = split_rule(dataset.path).buckets(SPLIT)
    return VideoJob(
        resolved=resolved,
        dataset=dataset,
        checkpoint=checkpoint,
        run=RunDirectory(out.resolve()),
        gpu=_pick_gpu(num_gpus),
        steps=steps,
        stop_at=min(steps, max_steps or steps),
        settings={
            **{key: value for key, value in leaves(resolved.values) if key != "summary"},
            "data.manifest_hash": dataset.manifest_hash,
            "data.split": SPLIT,
            "data.buckets": [buckets.start, buckets.stop],
            "model.fingerprint": weights_fingerprint(checkpoint.files),
        },
    )


def _schedule_length(recipe: VideoRecipe, dataset: Dataset) -> int:
    count = dataset.count(SPLIT)
    if not count:
        raise UsageError(
            f"`{dataset.path}` has no samples to train on",
            fact=f"its {dataset.count()} samples are all held out",
            hint="make more: repeat `vtb gen` with a larger -n",
        )
    samples = recipe.train.epochs * count
    return recipe.train.steps or math.ceil(samples / recipe.train.accum)


def _open_model(recipe: VideoRecipe, directory: Path) -> WanCheckpoint:
    checkpoint = open_checkpoint(directory)
    if checkpoint.variant.family != recipe.model.family:
        raise UsageError(
            f"the recipe trains `{recipe.model.family}`",
            fact=f"`{directory}` holds {checkpoint.variant.family}",
        )
    checkpoint.require(checkpoint.parts)
    return checkpoint


def _pick_gpu(num_gpus: int | None) -> Gpu | None:
    if num_gpus == 0:
        return None
    found = gpus()
    if num_gpus and not found:
        raise MissingEnvironmentError(
            "there is no GPU here", fact="nvidia-smi lists none", hint="train with --gpus 0"
        )
    return found[0] if found else None
