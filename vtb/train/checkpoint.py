"""Checkpoints: directories of safetensors and JSON that appear all at once or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_directory, atomic_write_json, read_json
from vtb.run.rundir import RunDirectory

WEIGHTS, OPTIMIZER, STATE = "lora.safetensors", "optimizer.safetensors", "state.json"


class HasWeights(Protocol):
    """Whoever owns the trained weights and knows their file format."""

    def write_weights(self, path: Path, step: int) -> None:
        """Writes the trained weights in float32."""
        ...

    def read_weights(self, path: Path) -> None:
        """Restores the trained weights exactly."""
        ...


def save_checkpoint(
    run: RunDirectory,
    owner: HasWeights,
    optimizer: Optimizer,
    names: Sequence[str],
    *,
    step: int,
    samples_seen: int,
    keep: int,
) -> None:
    """Saves the state after `step`, then removes all but the `keep` newest.

    `names` are those of the optimizer's parameters, in its order. Randomness is a function of the
    sample counter, so there is no random state to save.
    """
    target = run.checkpoint(step)
    if not target.exists():
        with atomic_directory(target) as temporary:
            owner.write_weights(temporary / WEIGHTS, step)
            save_file(_optimizer_tensors(optimizer, names), temporary / OPTIMIZER)
            atomic_write_json(temporary / STATE, {"step": step, "samples_seen": samples_seen})
    for old in run.steps()[:-keep]:
        shutil.rmtree(run.checkpoint(old))


def restore_newest(
    run: RunDirectory, owner: HasWeights, optimizer: Optimizer, names: Sequence[str]
) -> int:
    """Restores the newest checkpoint; returns its step, or 0 when there is none.

    Raises UnreadableError when it is damaged.
    """
    steps = run.steps()
    if not steps:
        return 0
    directory = run.checkpoint(steps[-1])
    state = read_json(directory / STATE)
    owner.read_weights(directory / WEIGHTS)
    try:
        tensors = load_file(directory / OPTIMIZER)
        optimizer.load_state_dict(_optimizer_state(optimizer, names, tensors))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UnreadableError(
            f"checkpoint `{directory}` is damaged",
            fact=str(error),
            hint="remove it; the run then continues from the one before",
        ) from error
    return int(state["step"])


def _optimizer_tensors(optimizer: Optimizer, names: Sequence[str]) -> dict[str, Tensor]:
    state: Mapping[int, Mapping[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{names[index]}.{key}": tensor.contiguous()
        for index, entry in state.items()
        for key, tensor in entry.items()
    }


def _optimizer_state(
    optimizer: Optimizer, names: Sequence[str], tensors: Mapping[str, Tensor]
) -> dict[str, Any]:
    numbers = {name: index for index, name in enumerate(names)}
    state: dict[int, dict[str, Tensor]] = {}
    for full_name, tensor in tensors.items():
        name, _, key = full_name.rpartition(".")
        state.setdefault(numbers[name], {})[key] = tensor
    return {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
