"""One training process: its inputs, opened, and its place among the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, gather_object

from vtb.core.errors import MissingEnvironmentError, VtbError
from vtb.core.files import atomic_write_json
from vtb.data.store import Dataset, open_dataset
from vtb.models.wan.checkpoint import WanCheckpoint, open_checkpoint
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.latents.build import build_missing
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.read import CachedClips
from vtb.train.launch.child import ChildArguments
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog

# Shares of the encoding take unequal time, and whoever is done waits for the others.
PATIENCE = timedelta(hours=2)
REPORT_S = 1.0


class Stopped(Exception):  # noqa: N818  a request, not an error
    """A signal asked for the end before the first step."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every kind of training needs; `stop` is looked at between pieces of work."""

    arguments: ChildArguments
    run: RunDirectory
    recipe: VideoRecipe
    dataset: Dataset
    checkpoint: WanCheckpoint
    accelerator: Accelerator
    stop: StopRequest
    dog: Watchdog

    @classmethod
    def open(cls, arguments: ChildArguments, stop: StopRequest) -> Session:
        """Joins the other processes; raises MissingEnvironmentError without the device."""
        run = RunDirectory(arguments.run)
        accelerator = Accelerator(
            cpu=arguments.device == "cpu",
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
        )
        if accelerator.device.type != arguments.device:
            raise MissingEnvironmentError(
                "torch sees no GPU", fact=f"torch {torch.__version__}", hint="train with --gpus 0"
            )
        return cls(
            arguments,
            run,
            load(VideoRecipe, str(run.recipe)).recipe,
            open_dataset(arguments.data),
            open_checkpoint(arguments.model),
            accelerator,
            stop,
            Watchdog(run, accelerator.process_index),
        )

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run directory."""
        return self.accelerator.is_main_process

    @property
    def device(self) -> torch.device:
        """This process's device."""
        return self.accelerator.device

    def clips(self, split: str, limit: int | None = None) -> ClipSource:
        """The clips of a split."""
        return ClipSource(self.dataset, self.recipe.data, split, limit)

    def encoded_clips(self, split: str, limit: int | None = None) -> CachedClips:
        """The clips of a split, after this process has encoded its share of what was missing.

        Raises in every process what one of them met: UnreadableError for a damaged clip, Stopped,
        and MissingEnvironmentError when the machines do not share one cache.
        """
        source = self.clips(split, limit)
        cache = LatentCache.of(
            source, self.checkpoint, dtype=self.recipe.cache.dtype, root=self.arguments.cache
        )
        failure: VtbError | Stopped | None = None
        try:
            self._build(cache, source)
        except (VtbError, Stopped) as error:
            failure = error
        # Every process must learn of it, or it would wait for this one.
        with self.dog.paused():
            failures = [one for one in gather_object([failure]) if one is not None]
        if failures:
            raise failure or failures[0]
        self._require_shared(cache)
        return CachedClips(cache)

    def _require_shared(self, cache: LatentCache) -> None:
        # What other machines have encoded must be seen here too.
        missing = sum(gather_object([len(cache.missing())]))
        if missing:
            raise MissingEnvironmentError(
                "the machines do not share one cache of encoded clips",
                fact=f"`{cache.store.directory}` lacks {missing} clips that others encoded",
                hint="set VTB_HOME to a directory that all of them see",
            )

    def _build(self, cache: LatentCache, source: ClipSource) -> None:
        if self.is_main:
            self.run.encoding.unlink(missing_ok=True)
        last, before, shown, seconds = time.monotonic(), -1, 0.0, 0.0

        def report(done: int, total: int) -> None:
            nonlocal last, before, shown, seconds
            self.dog.beat()
            if self.stop.signal is not None:
                raise Stopped
            now = time.monotonic()
            if done > before >= 0:  # else an encoder was loaded
                seconds += now - last
            last, before = now, done
            if self.is_main and (done == total or now - shown > REPORT_S):
                shown = now
                state = {"encoded": done, "of": total, "seconds": seconds}
                atomic_write_json(self.run.encoding, state)

        build_missing(
            cache,
            source,
            device=str(self.device),
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
            on_progress=report,
            log=self.run.log,
        )
