"""One process of a TRL training."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Trainer, set_seed

from vtb.core.errors import MissingEnvironmentError, TrainingDivergedError
from vtb.models.qwen3_vl.load import load_processor
from vtb.recipe.load import load
from vtb.recipe.vlm import VlmRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.trackers import tracker_sinks
from vtb.train.loop.watchdog import Watchdog
from vtb.train.rewards import weights_of
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.completions import CompletionLog
from vtb.train.vlm.finish import write_final
from vtb.train.vlm.job import limits_of
from vtb.train.vlm.trl.recorder import Places, Recorder
from vtb.train.vlm.trl.rewarding import Rewarding
from vtb.train.vlm.trl.trainer import make_trainer


def train(arguments: VlmChildArguments, stop: StopRequest) -> bool:
    """Trains the recipe in a run directory; returns whether it came to its end.

    Goes on from the newest checkpoint. At the end the main process writes `final/`.
    """
    run = RunDirectory(arguments.run)
    recipe = load(VlmRecipe, str(run.recipe)).recipe
    rank = int(os.environ.get("RANK", "0"))
    with Watchdog(run, rank) as dog:
        session = _Session(arguments, run, recipe, rank == 0, stop, dog)
        step = max(run.steps(), default=0)
        if step < arguments.stop_at:
            step = session.train(step)
        if step < arguments.stop_at:
            return False
        if session.is_main:
            with dog.paused():
                write_final(run, recipe, arguments.model, step)
                shutil.rmtree(run.backend, ignore_errors=True)
    return True


@dataclass(frozen=True, slots=True)
class _Session:
    arguments: VlmChildArguments
    run: RunDirectory
    recipe: VlmRecipe
    is_main: bool
    stop: StopRequest
    dog: Watchdog

    def train(self, step: int) -> int:
        """Trains from the checkpoint of a step on; returns the step that was reached."""
        if self.arguments.device == "cuda" and not torch.cuda.is_available():
            raise MissingEnvironmentError(
                "torch sees no GPU", fact=f"torch {torch.__version__}", hint="train with --gpus 0"
            )
        completions = CompletionLog(self.run.completions, self.recipe.grpo.completions_keep)
        if self.is_main:
            shutil.rmtree(self.run.backend, ignore_errors=True)  # what a killed process left
            self.run.drop_events_after(step)
            completions.cut(step)
        set_seed(self.recipe.train.seed)
        with ExitStack() as stack:
            trackers = self.recipe.log.trackers if self.is_main else ()
            sinks = stack.enter_context(tracker_sinks(trackers, self.run))
            log = StepLog(Places(), [events_file(self.run), *sinks] if self.is_main else [])
            trainer = self._trainer(log, completions)
            log.restart_clock()
            self._fit(trainer, step)
        return trainer.state.global_step

    def _trainer(self, log: StepLog, completions: CompletionLog) -> Trainer:
        processor = load_processor(self.arguments.model, limits_of(self.recipe))
        tokenizer: Any = processor.tokenizer
        tokenizer.padding_side = "left"
        rewarding = Rewarding(
            self.recipe,
            frozenset((tokenizer.eos_token_id, tokenizer.pad_token_id)),
            self.dog,
            completions if self.is_main else None,
        )
        trainer = make_trainer(
            self.arguments, self.recipe, processor, rewarding.functions(), self.dog.beat
        )
        recorder = Recorder(
            self.run,
            log,
            self.dog,
            self.stop,
            batch=self.recipe.train.batch,
            stop_at=self.arguments.stop_at,
            keep=self.recipe.save.keep,
            weights=weights_of(self.recipe.reward),
            by_task=rewarding.by_task,
            is_main=self.is_main,
        )
        trainer.add_callback(recorder)
        return trainer

    def _fit(self, trainer: Trainer, step: int) -> None:
        try:
            checkpoint = str(self.run.checkpoint(step)) if step else None
            trainer.train(resume_from_checkpoint=checkpoint)
        except TrainingDivergedError as error:
            good = max(self.run.steps(), default=0)
            where = f"`{self.run.checkpoint(good)}` is good" if good else "there is no checkpoint"
            raise TrainingDivergedError(
                error.message, fact=f"{error.fact}; {where}", hint=error.hint
            ) from error
