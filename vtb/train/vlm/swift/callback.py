"""What of ours runs inside ms-swift's training loop."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vtb.core.errors import TrainingDivergedError, VtbError
from vtb.run.rundir import RunDirectory
from vtb.train.loop.step_log import MAX_NONFINITE_STEPS
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog
from vtb.train.vlm.completions import CompletionLog
from vtb.train.vlm.metrics import BY_TASK
from vtb.train.vlm.swift.settings import PluginSettings

STACKS = "stacks"
# The figures of a step, which its log has and the summary at the end has not.
NUMBERS = ("loss", "grad_norm")


class RunCallback(TrainerCallback):
    """Stops at the end of a step when asked to, ends what hangs, and what diverges.

    A signal and the death of the launching process ask. What `by_task` holds goes into the log of
    each step.
    """

    def __init__(
        self,
        settings: PluginSettings,
        rank: int,
        completions: CompletionLog,
        dog: Watchdog,
        by_task: Mapping[str, float],
    ) -> None:
        self._settings, self._rank = settings, rank
        self._completions, self._dog, self._by_task = completions, dog, by_task
        self._stop = StopRequest()
        self._nonfinite = 0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **others: Any,
    ) -> None:
        """Begins to listen, and forgets what a resumed run makes again."""
        self._stop.install()
        _dump_stacks_on_signal(self._settings, self._rank)
        self._completions.cut(state.global_step)
        if train_dataloader.num_workers:
            train_dataloader.worker_init_fn = _GroupOfItsOwn(train_dataloader.worker_init_fn)
        self._dog.__enter__()

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Notes progress."""
        self._dog.beat()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Saves and stops if any process wants to, or if the run ends here."""
        self._dog.step_done(state.global_step)
        wants = self._stop.signal is not None
        if _any_process(wants, args.device) or state.global_step >= self._settings.stop_at:
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **others: Any,
    ) -> None:
        """Ends the process at the third loss in a row that is not finite."""
        self._dog.beat()
        if not logs or not (numbers := [logs[name] for name in NUMBERS if name in logs]):
            return
        if self._by_task:  # ms-swift writes its log after us
            logs[BY_TASK] = dict(self._by_task)
        is_finite = all(math.isfinite(number) for number in numbers)
        self._nonfinite = 0 if is_finite else self._nonfinite + 1
        if self._nonfinite == MAX_NONFINITE_STEPS:
            fail(
                TrainingDivergedError(
                    f"the loss was not finite in {MAX_NONFINITE_STEPS} steps in a row",
                    fact=f"up to step {state.global_step}; the last checkpoint is intact",
                    hint=f"train again elsewhere with -s train.lr={args.learning_rate / 3:.1g}",
                )
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Exits with 128 + signal when stopped before the end."""
        self._dog.__exit__(None, None, None)
        if self._stop.signal is not None and state.global_step < self._settings.stop_at:
            sys.exit(128 + self._stop.signal)


def fail(error: VtbError) -> NoReturn:
    """Ends the process with a message for people, as our own training processes do."""
    lines = (f"error: {error.message}", error.fact, f"hint: {error.hint}" if error.hint else "")
    sys.stderr.write("\n".join(filter(None, lines)) + "\n")
    sys.exit(error.exit_code)


class _GroupOfItsOwn:
    """Takes a worker that reads data out of the process group, all of which is asked to stop.

    The training process needs it until the end of the step, and ends it itself; if that process is
    killed, the worker notices. A class, because a worker that is spawned gets it pickled.
    """

    def __init__(self, inner: Callable[[int], None] | None) -> None:
        self._inner = inner

    def __call__(self, worker_id: int) -> None:
        os.setpgid(0, 0)
        if self._inner:
            self._inner(worker_id)


def _dump_stacks_on_signal(settings: PluginSettings, rank: int) -> None:
    """Has SIGUSR1 write the stacks of all threads to a file that names rank and process id."""
    stacks = RunDirectory(settings.run).backend / STACKS
    stacks.mkdir(parents=True, exist_ok=True)
    file = (stacks / f"rank-{rank}-pid-{os.getpid()}.txt").open("a")
    faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)


def _any_process(wants: bool, device: torch.device) -> bool:
    if not dist.is_initialized():
        return wants
    wish = torch.tensor(int(wants), device=device)
    dist.all_reduce(wish, dist.ReduceOp.MAX)
    return bool(wish.item())
