"""One training process: its inputs, opened, and its place among the others."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, gather_object

from vtb.core.errors import MissingEnvironmentError, VtbError
from vtb.core.files import atomic_write_json
from vtb.data.store import Dataset, open_dataset
from vtb.models.checkpoint import Checkpoint
from vtb.recipe.load import load
from vtb.recipe.schema import Recipe
from vtb.run.rundir import RunDirectory
from vtb.train.latents.store import Store
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.estimate import GIB
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog

# Shares of the encoding take unequal time, and whoever is done waits for the others.
PATIENCE = timedelta(hours=2)
REPORT_S = 1.0

RecipeT = TypeVar("RecipeT", bound=Recipe)
CheckpointT = TypeVar("CheckpointT", bound=Checkpoint)
# Told how many samples are encoded, and of how many.
Report: TypeAlias = Callable[[int, int], None]


class Stopped(Exception):  # noqa: N818  a request, not an error
    """A signal asked for the end before the first step."""


class Fillable(Protocol):
    """A cache of encoded samples."""

    @property
    def store(self) -> Store:
        """Its files."""
        ...

    def missing(self) -> Sequence[int]:
        """Numbers of the samples that lack something."""
        ...


@dataclass(frozen=True, slots=True)
class Session(Generic[RecipeT, CheckpointT]):
    """What every kind of training needs; `stop` is looked at between pieces of work."""

    arguments: ChildArguments
    run: RunDirectory
    recipe: RecipeT
    dataset: Dataset
    checkpoint: CheckpointT
    accelerator: Accelerator
    stop: StopRequest
    dog: Watchdog

    @classmethod
    def open(
        cls,
        arguments: ChildArguments,
        stop: StopRequest,
        recipe: type[RecipeT],
        open_checkpoint: Callable[[Path], CheckpointT],
    ) -> Session[RecipeT, CheckpointT]:
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
            load(recipe, str(run.recipe)).recipe,
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

    def free_memory_gib(self) -> float:
        """What every process may use while nothing is loaded; no limit on a CPU."""
        if self.device.type != "cuda":
            return math.inf
        gc.collect()
        torch.cuda.empty_cache()
        free_bytes, _ = torch.cuda.mem_get_info(self.device)
        return min(gather_object([free_bytes / GIB]))

    def fill(self, cache: Fillable, build: Callable[[Report], None]) -> None:
        """Has this process `build` its share of what a cache lacks, and waits for the others.

        Raises in every process what one of them met: UnreadableError for a damaged sample, Stopped,
        and MissingEnvironmentError when the machines do not share one cache.
        """
        failure: VtbError | Stopped | None = None
        try:
            build(self._reporter())
        except (VtbError, Stopped) as error:
            failure = error
        # Every process must learn of it, or it would wait for this one.
        with self.dog.paused():
            failures = [one for one in gather_object([failure]) if one is not None]
        if failures:
            raise failure or failures[0]
        # What other machines have encoded must be seen here too.
        missing = sum(gather_object([len(cache.missing())]))
        if missing:
            raise MissingEnvironmentError(
                "the machines do not share one cache of encoded samples",
                fact=f"`{cache.store.directory}` lacks {missing} samples that others encoded",
                hint="set VTB_HOME to a directory that all of them see",
            )

    def _reporter(self) -> Report:
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

        return report
