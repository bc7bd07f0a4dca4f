"""Checkpoints: directories of safetensors and JSON that appear all at once or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_directory, atomic_write_json, read_json
from vtb.run.rundir import RunDirectory
from vtb.train.loop.ema import Average
from vtb.train.loop.engine import Engine

OPTIMIZER, AVERAGE, STATE = "optimizer.safetensors", "ema.safetensors", "state.json"


class HasWeights(Protocol):
    """Whoever owns the trained weights and knows their file format."""

    def write_weights(self, directory: Path, step: int) -> None:
        """Writes the trained weights in float32."""
        ...

    def read_weights(self, directory: Path) -> None:
        """Restores the trained weights exactly."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands; `is_finished` when it was ended before its last step on purpose."""

    step: int
    is_finished: bool = False


def save_checkpoint(
    run: RunDirectory,
    owner: HasWeights,
    engine: Engine,
    optimizer: Mapping[str, Tensor],
    average: Average,
    state: State,
    *,
    keep: int,
) -> None:
    """Saves the state after a step, then removes all but the `keep` newest.

    One process does so inside `engine.whole()`, which gives the tensors of the `optimizer`.
    Randomness is a function of the sample counter, so there is no random state to save. Of a step
    that has a checkpoint already, only `state` can be new.
    """
    target = run.checkpoint(state.step)
    if target.exists():
        atomic_write_json(target / STATE, asdict(state))
    else:
        with atomic_directory(target) as temporary:
            owner.write_weights(temporary, state.step)
            contiguous = {name: tensor.contiguous() for name, tensor in optimizer.items()}
            save_file(contiguous, temporary / OPTIMIZER)
            if average.tensors:
                named = dict(zip(engine.names, average.tensors, strict=True))
                save_file(named, temporary / AVERAGE)
            atomic_write_json(temporary / STATE, asdict(state))
    for old in run.steps()[:-keep]:
        shutil.rmtree(run.checkpoint(old))


def restore_newest(run: RunDirectory, owner: HasWeights, engine: Engine, average: Average) -> State:
    """Restores the newest checkpoint; returns its state, that of step 0 when there is none.

    Raises UnreadableError when it is damaged.
    """
    steps = run.steps()
    if not steps:
        return State(0)
    directory = run.checkpoint(steps[-1])
    try:
        tensors = load_file(directory / OPTIMIZER)
        engine.restore(lambda: owner.read_weights(directory), tensors)
        if average.tensors:
            averages = load_file(directory / AVERAGE)
            for name, tensor in zip(engine.names, average.tensors, strict=True):
                tensor.copy_(averages[name])
        return State(**read_json(directory / STATE))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UnreadableError(
            f"checkpoint `{directory}` is damaged",
            fact=str(error),
            hint="remove it; the run then continues from the one before",
        ) from error
