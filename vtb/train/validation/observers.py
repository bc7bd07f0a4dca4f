"""Measures now and then, keeps the best weights and ends a run that no longer improves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from torch import Tensor

from vtb.core.files import read_json_lines
from vtb.data.store import Dataset
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.sample import Predictor
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.loop.ema import Average
from vtb.train.loop.step_log import StepLog
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.task import Task
from vtb.train.validation.best import CLIP_FIGURES, LOSS, BestWeights
from vtb.train.validation.checks import clips_are_sampled
from vtb.train.validation.clips import SampledClips
from vtb.train.validation.loss import HeldOutLoss, NoiseGrid
from vtb.train.validation.sharing import any_process

if TYPE_CHECKING:
    from vtb.train.flow.wan_task import EncodedClips

Measure = Callable[[int], "dict[str, Any] | None"]
Whole = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Measurements:
    """An observer: a figure of the averaged weights every so many steps and at `stop_at`.

    Each is one event of the run's log, with `figure` among its keys. `best` is there when this
    figure decides; `whole` is a context in which every process has the whole weights.
    """

    measure: Measure
    figure: str
    every: int
    stop_at: int
    average: Average
    run: RunDirectory
    log: StepLog
    accelerator: Accelerator
    best: BestWeights | None = None
    whole: Whole = nullcontext

    def __call__(self, step: int) -> bool | None:
        """Measures if it is time to and the log has no such event yet.

        True when the run has stopped improving, None when a stop cut the measurement short.
        """
        if not self._is_due(step):
            return False
        self.log.drain()  # this step's own event comes first
        is_enough = False
        with self.average.in_place():
            figures = self.measure(step)
            if figures is not None:
                self.log.write({"step": step, **figures})
                is_enough = self.best is not None and self._note(self.best, step, figures)
        self.log.restart_clock()
        return None if figures is None else is_enough

    def _is_due(self, step: int) -> bool:
        if step % self.every and step != self.stop_at:
            return False
        # One process writes the log and reads it; all must know, to measure together.
        is_main = self.accelerator.is_main_process
        return any_process(self.accelerator, is_main and not self._is_measured(step))

    def _is_measured(self, step: int) -> bool:
        events = read_json_lines(self.run.events)
        return any(event.get("step") == step and self.figure in event for event in events)

    def _note(self, best: BestWeights, step: int, figures: Mapping[str, Any]) -> bool:
        # One process decides and writes; all must know, to gather the weights and to end together.
        is_main = self.accelerator.is_main_process
        if any_process(self.accelerator, is_main and best.is_better(figures)):
            with self.whole():
                if is_main:
                    best.keep(step, figures)
        return any_process(self.accelerator, is_main and best.is_at_end(step))


@dataclass(frozen=True, slots=True)
class Validation:
    """What the measurements of a recipe need of a training process.

    `clips` are the held-out samples to use, encoded; `stop_at` is the last step. `beat` is called
    now and then while measuring; `whole` is a context in which every process has the whole
    weights; `empty_context` (n, text dim) is needed for guidance.
    """

    recipe: VideoRecipe
    run: RunDirectory
    accelerator: Accelerator
    task: Task
    predict: Predictor
    dtype: torch.dtype
    average: Average
    log: StepLog
    clips: EncodedClips
    dataset: Dataset
    checkpoint: WanCheckpoint
    schedule: NoiseSchedule
    stop: StopRequest
    stop_at: int
    beat: Callable[[], None] = lambda: None
    whole: Whole = nullcontext
    empty_context: Tensor | None = None

    def observers(self) -> list[Measurements]:
        """One per measurement of the recipe; sampled clips, where there are any, decide."""
        table, found = self.recipe.validation, list[Measurements]()
        samples_clips = clips_are_sampled(self.recipe, self.checkpoint.variant)
        if table.loss_every:
            decides = not samples_clips
            found.append(self._observer(self._loss(), LOSS, table.loss_every, decides))
        if samples_clips:
            found.append(self._observer(self._clips(), CLIP_FIGURES[0], table.every, True))
        return found

    def _observer(self, measure: Measure, figure: str, every: int, decides: bool) -> Measurements:
        patience = self.recipe.validation.patience
        return Measurements(
            measure,
            figure,
            every,
            self.stop_at,
            self.average,
            self.run,
            self.log,
            self.accelerator,
            BestWeights(self.run, self.task, every=every, patience=patience) if decides else None,
            self.whole,
        )

    def _loss(self) -> HeldOutLoss:
        return HeldOutLoss(
            self.task,
            NoiseGrid(self.clips, self.schedule, self.recipe),
            self.accelerator,
            self.recipe.train.micro_batch,
            self.stop,
            self.beat,
        )

    def _clips(self) -> SampledClips:
        return SampledClips(
            recipe=self.recipe,
            run=self.run,
            dataset=self.dataset,
            model=self.checkpoint.directory,
            clips=self.clips,
            predict=self.predict,
            dtype=self.dtype,
            schedule=self.schedule,
            accelerator=self.accelerator,
            stop=self.stop,
            beat=self.beat,
            empty_context=self.empty_context,
        )
