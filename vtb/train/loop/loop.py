"""The training loop of every model family and target. A step is one update of the optimizer."""

from __future__ import annotations

import math
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from vtb.core.errors import DeviceMemoryError
from vtb.recipe.schema import DiffusionTrainTable, SaveTable, TrainTable
from vtb.run.rundir import RunDirectory
from vtb.train.loop.batching import Batching, Shape
from vtb.train.loop.checkpoint import State, restore_newest, save_checkpoint
from vtb.train.loop.ema import Average
from vtb.train.loop.prefetch import prefetched
from vtb.train.loop.step_log import StepLog
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.strategy import make_engine
from vtb.train.loop.task import Batch, Task

# Running out of memory after so many steps of a shape is no matter of the chosen checkpointing.
MAX_RELIEF_STEPS = 3

# Called with the number of each step that is done, and with that of the step from which a run goes
# on. True asks for the end of the run; None says that a stop request cut its work short, which is
# then done when the run goes on.
Observer = Callable[[int], bool | None]


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a run stands: at its end, of the schedule or by an observer's wish, or before it."""

    step: int
    is_complete: bool


class Loop:
    """Trains a task from its newest checkpoint on, in one process or in many alike."""

    def __init__(
        self,
        task: Task,
        train: DiffusionTrainTable,
        save: SaveTable,
        run: RunDirectory,
        accelerator: Accelerator,
        log: StepLog,
        *,
        strategy: str = "ddp",
        saving: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._task, self._train, self._save, self._run = task, train, save, run
        self._accelerator, self._log, self._saving = accelerator, log, saving
        self._batching = Batching.of(train, accelerator.num_processes)
        self.engine = make_engine(task.module, train, accelerator, strategy)
        self.average = Average(self.engine.parameters, train.ema)

    def run(
        self,
        *,
        steps: int,
        stop_at: int,
        stop: StopRequest,
        observers: Sequence[Observer] = (),
        step_done: Callable[[int], None] = lambda step: None,
    ) -> Reached:
        """Trains up to `stop_at` of a schedule of `steps`.

        A stop request or an observer ends it after the current step. `step_done` is called with the
        number of each step, before the observers. A checkpoint is saved every so often and at the
        end. Raises TrainingDivergedError after three non-finite steps in a row.
        """
        restored = restore_newest(self._run, self._task, self.engine, self.average)
        if restored.is_finished:
            return Reached(restored.step, is_complete=True)
        if self._accelerator.is_main_process:
            self._run.drop_events_after(restored.step)
        self._log.restart_clock()
        step = restored.step
        answers = [observe(step) for observe in observers if step]
        is_finished = True in answers
        if is_finished:
            self._save_checkpoint(State(step, is_finished))
        is_stopping = None in answers or self._must_stop(stop)
        batches, done = self._batches(step, stop_at), Counter[Shape]()
        while step < stop_at and not (is_finished or is_stopping):
            shape = self._task.shape(step * self._batching.batch)
            may_relieve = done[shape] < MAX_RELIEF_STEPS
            if not self._fits(step, learning_rate(step, steps, self._train), batches, stop):
                if not (may_relieve and self._relieve()):
                    raise DeviceMemoryError(
                        f"step {step + 1} does not fit into the memory of the device",
                        hint="-s train.activation_checkpointing=full, or a smaller "
                        "train.micro_batch",
                    )
                batches = self._batches(step, stop_at)
                continue
            step += 1
            done[shape] += 1
            self.average.update(step)
            step_done(step)
            answers = [observe(step) for observe in observers]
            is_finished = True in answers
            is_stopping = None in answers or self._must_stop(stop)
            if step % self._save.every == 0 or step == stop_at or is_finished or is_stopping:
                self._save_checkpoint(State(step, is_finished))
        is_at_end = step >= stop_at or is_finished
        return Reached(step, is_complete=is_at_end and None not in answers)

    def _fits(self, step: int, lr: float, batches: Iterator[Batch], stop: StopRequest) -> bool:
        try:
            self._step(step, lr, batches, stop)
        except torch.OutOfMemoryError:
            return False  # only now are the frames gone that held the activations
        return True

    def _step(self, step: int, lr: float, batches: Iterator[Batch], stop: StopRequest) -> None:
        device, accum = self._accelerator.device, self._batching.accum
        num_groups = len(self._task.group_names)
        sums = torch.zeros(2, num_groups, device=device)
        loss, wait_s = torch.zeros((), device=device), 0.0
        for round_ in range(accum):
            start = time.perf_counter()
            batch = next(batches).map(lambda tensor: tensor.to(device, non_blocking=True))
            wait_s += time.perf_counter() - start
            losses: Tensor = self.engine.model(batch)
            self.engine.backward(losses.mean() / accum, is_last=round_ == accum - 1)
            kept = losses.detach()
            loss += kept.mean() / accum
            sums.index_add_(1, batch.groups, torch.stack([kept, torch.ones_like(kept)]))
        wish = torch.full((1,), self._wish(stop), device=device)
        shared = self._mean_over_processes(torch.cat([loss[None], wish, sums.flatten()]))
        norm = self.engine.update(lr, shared[0])
        self._log.push(
            step + 1,
            {
                "lr": lr,
                "epoch": (step + 1) * self._batching.batch / self._task.num_samples,
                "memory_gib": _memory_gib(device),
                "data_wait_seconds": wait_s,
            },
            self._batching.samples(step),
            torch.cat([norm[None], shared]),
        )

    def _mean_over_processes(self, values: Tensor) -> Tensor:
        if self._accelerator.num_processes == 1:
            return values
        mean: Tensor = self._accelerator.reduce(values, reduction="mean")  # type: ignore[assignment]
        return mean

    def _wish(self, stop: StopRequest) -> float:
        return float(self._accelerator.num_processes > 1 and stop.signal is not None)

    def _must_stop(self, stop: StopRequest) -> bool:
        # Several processes must stop at the same step, so they go by what all have learnt.
        if self._accelerator.num_processes == 1:
            return stop.signal is not None
        return self._log.stop_was_asked

    def _batches(self, step: int, stop_at: int) -> Iterator[Batch]:
        rank = self._accelerator.process_index
        requests = (
            counters for at in range(step, stop_at) for counters in self._batching.rounds(at, rank)
        )
        return prefetched(self._make_batch, requests)

    def _make_batch(self, counters: range) -> Batch:
        batch = self._task.batch(counters)
        if self._accelerator.device.type != "cuda":
            return batch
        return batch.map(lambda tensor: tensor.pin_memory())

    def _relieve(self) -> bool:
        if self._accelerator.num_processes > 1 or not self._task.relieve():
            return False
        self.engine.optimizer.zero_grad()
        torch.cuda.empty_cache()
        return True

    def _save_checkpoint(self, state: State) -> None:
        self._log.drain()
        with self._saving():
            with self.engine.whole() as optimizer:
                if self._accelerator.is_main_process:
                    save_checkpoint(
                        self._run,
                        self._task,
                        self.engine,
                        optimizer,
                        self.average,
                        state,
                        keep=self._save.keep,
                    )
            self._accelerator.wait_for_everyone()
        self._log.restart_clock()


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
