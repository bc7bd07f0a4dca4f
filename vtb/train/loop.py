"""The training loop of every model family. A step is one update of the optimizer."""

from __future__ import annotations

import json
import math
import resource
import time
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import AdamW

from vtb.core.errors import TrainingDivergedError
from vtb.core.files import append_line
from vtb.recipe.schema import SaveTable, TrainTable
from vtb.run.rundir import RunDirectory
from vtb.train.checkpoint import HasWeights, restore_newest, save_checkpoint
from vtb.train.stopping import StopRequest

BETAS = (0.9, 0.999)
EPS = 1e-8
MAX_NONFINITE_STEPS = 3


class Task(HasWeights, Protocol):
    """What a model family gives to the loop.

    `module` maps a sample to its loss, a scalar; its parameters that require gradients are
    trained. Sample `counter` is the same whenever it is asked for.
    """

    @property
    def module(self) -> nn.Module:
        """The objective."""
        ...

    @property
    def num_samples(self) -> int:
        """Samples per epoch."""
        ...

    def sample(self, counter: int) -> Any:
        """The sample consumed at `counter`, with all its randomness drawn."""
        ...

    def describe(self, counter: int) -> str:
        """That sample's id and draw, for the log."""
        ...


class Loop:
    """Trains a task from its newest checkpoint on."""

    def __init__(
        self,
        task: Task,
        train: TrainTable,
        save: SaveTable,
        run: RunDirectory,
        accelerator: Accelerator,
    ) -> None:
        self._task, self._train, self._save, self._run = task, train, save, run
        self._accelerator = accelerator
        self._model: nn.Module = accelerator.prepare(task.module)
        named = [(n, p) for n, p in self._model.named_parameters() if p.requires_grad]
        self._names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        self._optimizer = AdamW(
            self._parameters,
            lr=train.lr,
            betas=BETAS,
            eps=EPS,
            weight_decay=train.weight_decay,
            fused=accelerator.device.type == "cuda",
        )

    def run(self, *, steps: int, stop_at: int, stop: StopRequest) -> int:
        """Trains up to `stop_at` of a schedule of `steps`; returns the step reached.

        A stop request ends it after the current step. A checkpoint is saved every so often and at
        the end. Raises TrainingDivergedError after three non-finite steps in a row.
        """
        step = restore_newest(self._run, self._task, self._optimizer, self._names)
        self._run.drop_events_after(step)
        nonfinite, is_stopping = 0, stop.signal is not None
        while step < stop_at and not is_stopping:
            is_finite = self._step(step, learning_rate(step, steps, self._train))
            step += 1
            nonfinite = 0 if is_finite else nonfinite + 1
            if nonfinite == MAX_NONFINITE_STEPS:
                raise self._diverged(step)
            is_stopping = stop.signal is not None
            if step % self._save.every == 0 or step == stop_at or is_stopping:
                self._save_checkpoint(step)
        return step

    def _step(self, step: int, lr: float) -> bool:
        start = time.perf_counter()
        accum = self._train.accum
        counters = range(step * accum, (step + 1) * accum)
        loss, grad_norm = self._gradient(counters)
        is_finite = math.isfinite(loss) and math.isfinite(grad_norm)
        if is_finite:
            for group in self._optimizer.param_groups:
                group["lr"] = lr
            self._optimizer.step()
        self._optimizer.zero_grad()
        event: dict[str, Any] = {
            "step": step + 1,
            "epoch": (step + 1) * accum / self._task.num_samples,
            "loss": loss if math.isfinite(loss) else None,
            "lr": lr,
            "grad_norm": grad_norm if math.isfinite(grad_norm) else None,
            "samples_per_second": accum / (time.perf_counter() - start),
            "memory_gib": _memory_gib(self._accelerator.device),
        }
        if not is_finite:
            event["skipped"] = [self._task.describe(counter) for counter in counters]
        append_line(self._run.events, json.dumps(event))
        return is_finite

    def _gradient(self, counters: range) -> tuple[float, float]:
        """Mean loss and norm of the mean gradient, which is left clipped in the parameters."""
        losses: list[Tensor] = []
        for counter in counters:
            loss: Tensor = self._model(self._task.sample(counter))
            self._accelerator.backward(loss / len(counters))
            losses.append(loss.detach())
        norm = nn.utils.clip_grad_norm_(self._parameters, self._train.grad_clip or math.inf)
        return torch.stack(losses).mean().item(), norm.item()

    def _save_checkpoint(self, step: int) -> None:
        save_checkpoint(
            self._run,
            self._task,
            self._optimizer,
            self._names,
            step=step,
            samples_seen=step * self._train.accum,
            keep=self._save.keep,
        )

    def _diverged(self, step: int) -> TrainingDivergedError:
        return TrainingDivergedError(
            f"the loss was not finite in {MAX_NONFINITE_STEPS} steps in a row",
            fact=f"up to step {step}; the last checkpoint is intact",
            hint=f"train again elsewhere with -s train.lr={self._train.lr / 3:.1g}",
        )


def learning_rate(step: int, steps: int, train: TrainTable) -> float:
    """The rate of the update after `step` others, in a schedule of `steps`."""
    if step < train.warmup_steps:
        return train.lr * (step + 1) / train.warmup_steps
    done = (step - train.warmup_steps) / max(1, steps - train.warmup_steps)
    if train.scheduler == "linear":
        return train.lr * (1 - done)
    if train.scheduler == "cosine":
        return train.lr * (1 + math.cos(math.pi * done)) / 2
    return train.lr


def _memory_gib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # KiB on Linux
