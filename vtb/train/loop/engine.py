"""One update of the weights: gradients over micro-batches, clipping, AdamW."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import AdamW

from vtb.recipe.schema import TrainTable

BETAS = (0.9, 0.999)
EPS = 1e-8


class Engine:
    """The trained parameters of a module and their optimizer, on one process or many.

    `names` are those of the `parameters`; `model` is to be called instead of the module. What one
    process does with its engine, all do.
    """

    def __init__(self, module: nn.Module, train: TrainTable, accelerator: Accelerator) -> None:
        named = trained_parameters(module)
        self.names, self.parameters = list(named), list(named.values())
        self.model: nn.Module = accelerator.prepare(module)
        self._accelerator, self._grad_clip = accelerator, train.grad_clip or math.inf
        # Fused on every device: only the fused update can be called off by a flag on the device.
        self.optimizer = AdamW(self.parameters, **adamw_arguments(train), fused=True)

    def backward(self, loss: Tensor, *, is_last: bool) -> None:
        """Adds the gradients of a loss; those of all processes are averaged at the last one."""
        with nullcontext() if is_last else self._accelerator.no_sync(self.model):
            self._accelerator.backward(loss)

    def update(self, lr: float, loss: Tensor) -> Tensor:
        """Clips the gradients and applies them; returns their global norm before that.

        Where the norm or `loss`, the step's mean over all processes, is not finite, weights and
        moments stay as they are. Decided on the device, so the host need not wait.
        """
        norm = nn.utils.clip_grad_norm_(self.parameters, self._grad_clip)
        is_bad = ~(torch.isfinite(norm) & torch.isfinite(loss))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        vars(self.optimizer).update(grad_scale=None, found_inf=is_bad.float())
        self.optimizer.step()
        self.optimizer.zero_grad()
        return norm

    @contextmanager
    def whole(self) -> Generator[dict[str, Tensor]]:
        """The parameters hold whole float32 weights inside; yields the optimizer's state.

        That is whole too, each tensor under `<name>.<key>`.
        """
        state: Mapping[int, Mapping[str, Tensor]] = self.optimizer.state_dict()["state"]
        yield {
            f"{self.names[index]}.{key}": tensor
            for index, entry in state.items()
            for key, tensor in entry.items()
        }

    def restore(self, read: Callable[[], None], state: Mapping[str, Tensor]) -> None:
        """Takes on the weights that `read` puts into the parameters, and a `whole` state."""
        read()
        numbers = {name: index for index, name in enumerate(self.names)}
        entries: dict[int, dict[str, Tensor]] = {}
        for full_name, tensor in state.items():
            name, _, key = full_name.rpartition(".")
            entries.setdefault(numbers[name], {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require gradients, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def adamw_arguments(train: TrainTable) -> dict[str, Any]:
    """AdamW as the recipe wants it."""
    return {"lr": train.lr, "betas": BETAS, "eps": EPS, "weight_decay": train.weight_decay}
