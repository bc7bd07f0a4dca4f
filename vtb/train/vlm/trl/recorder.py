"""What of a TRL training goes into our run directory, and how it is ended."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import nn
from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from vtb.core.files import move_directory
from vtb.run.rundir import RunDirectory
from vtb.train.loop.step_log import StepLog
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog
from vtb.train.vlm.metrics import BY_TASK, FlatSteps, facts_of


class Places:
    """What the log of steps says of a sample: its place in the order of their use."""

    group_names: Sequence[str] = ()

    def describe(self, counter: int) -> str:
        """The sample of that number."""
        return f"sample {counter}"


@dataclass(slots=True)
class Recorder(TrainerCallback):
    """Writes an event per step and moves whole checkpoints to where the run looks for them.

    `batch` samples make a step; `weights` are those of the parts of the reward, and `by_task` holds
    the mean score of each task at the last one. The training ends with a checkpoint at `stop_at`,
    and after the step in which a stop is requested.
    """

    run: RunDirectory
    log: StepLog
    dog: Watchdog
    stop: StopRequest
    batch: int
    stop_at: int
    keep: int
    weights: Mapping[str, float]
    by_task: Mapping[str, float]
    is_main: bool
    _flat: FlatSteps = field(default_factory=FlatSteps)

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Leaves the weights as they are where a gradient is not finite."""
        model: nn.Module = given["model"]
        gradients = [one.grad for one in model.parameters() if one.grad is not None]
        if not torch.isfinite(nn.utils.get_total_norm(gradients)):
            model.zero_grad(set_to_none=True)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Ends the training where it is to end, with a checkpoint."""
        self.dog.step_done(state.global_step)
        if state.global_step >= self.stop_at or self._is_stopping(args.world_size):
            control.should_save = control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Writes the event of a step; raises TrainingDivergedError as `StepLog.push` does."""
        log: Mapping[str, Any] = given["logs"]
        if "loss" not in log:  # the summary at the end
            return
        step = state.global_step
        facts = facts_of(log, self.weights)
        warning = self._flat.warning(facts)
        if warning and self.is_main:
            sys.stderr.write(f"warning: {warning}\n")
        if warning:
            facts["warning"] = warning
        if self.by_task:
            facts[BY_TASK] = dict(self.by_task)
        counters = range((step - 1) * self.batch, step * self.batch)
        numbers = torch.tensor([log["grad_norm"], log["loss"], 0.0])
        self.log.push(step, facts, counters, numbers)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Moves the checkpoint, once all processes have written theirs, and removes old ones."""
        with self.dog.paused():
            gather_object([None])  # all have written what is theirs
            if self.is_main:
                written = self.run.backend / f"checkpoint-{state.global_step}"
                move_directory(written, self.run.checkpoint(state.global_step))
                for old in self.run.steps()[: -self.keep]:
                    shutil.rmtree(self.run.checkpoint(old))
        self.log.restart_clock()

    def _is_stopping(self, world: int) -> bool:
        wish = self.stop.signal is not None
        return wish if world == 1 else any(gather_object([wish]))
