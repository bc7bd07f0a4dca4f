"""An engine whose optimizer, or whose frozen weights too, are spread over the devices."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import deepspeed
import torch
from accelerate import Accelerator
from deepspeed.utils import (
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
)
from torch import Tensor, nn
from torch.optim import AdamW

from vtb.recipe.schema import TrainTable
from vtb.train.loop.engine import Engine, adamw_arguments, trained_parameters

MOMENTS = ("exp_avg", "exp_avg_sq")


class ZeroEngine(Engine):
    """DeepSpeed's ZeRO: stage 2 spreads gradients and optimizer, stage 3 the frozen weights too.

    DeepSpeed is used directly, since accelerate has it on GPUs only. With a bfloat16 base it
    computes with bfloat16 copies of the trained weights and updates float32 ones, each device its
    part. The trained weights are small and stay whole on each device.
    """

    def __init__(
        self, module: nn.Module, train: TrainTable, accelerator: Accelerator, *, stage: int
    ) -> None:
        named = trained_parameters(module)
        self.names, self.parameters = list(named), list(named.values())
        masters = [parameter.detach().clone() for parameter in self.parameters]
        self._guarded = _GuardedAdamW(self.parameters, **adamw_arguments(train), fused=True)
        self.optimizer = self._guarded
        dtypes = {parameter.dtype for parameter in module.parameters()}
        engine: Any = deepspeed.initialize(
            model=module,
            optimizer=self.optimizer,
            config=_config(train, stage, torch.bfloat16 in dtypes, masters),
            dist_init_required=False,
        )[0]
        self.model = engine
        self._engine, self._device, self._stage = engine, accelerator.device, stage
        # The moments come into being with an update, and a checkpoint is to be read into them.
        self._update_nothing()
        self._assign(masters)

    def backward(self, loss: Tensor, *, is_last: bool) -> None:
        self._engine.set_gradient_accumulation_boundary(is_last)
        self._engine.backward(loss)
        if not is_last:
            self._engine.step()

    def update(self, lr: float, loss: Tensor) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self._guarded.loss = loss
        self._engine.step()
        norm = torch.as_tensor(self._engine.get_global_grad_norm(), device=self._device)
        # DeepSpeed's norm of what is not finite is -1.
        return torch.where(norm < 0, math.nan, norm).float()

    @contextmanager
    def whole(self) -> Generator[dict[str, Tensor]]:
        held = [parameter.data for parameter in self.parameters]
        state: dict[str, Any] = {
            f"{name}.{key}": safe_get_full_optimizer_state(parameter, key)
            for name, parameter in zip(self.names, self.parameters, strict=True)
            for key in MOMENTS
        }
        step = next(iter(self.optimizer.state.values()))["step"]
        state |= {f"{name}.step": step.clone() for name in self.names}
        whole: list[Any] = [safe_get_full_fp32_param(parameter) for parameter in self.parameters]
        for parameter, weights in zip(self.parameters, whole, strict=True):
            parameter.data = weights
        try:
            yield state
        finally:
            for parameter, data in zip(self.parameters, held, strict=True):
                parameter.data = data

    def restore(self, read: Callable[[], None], state: Mapping[str, Tensor]) -> None:
        with self.whole():
            read()
            weights = [parameter.data for parameter in self.parameters]
        for name, parameter in zip(self.names, self.parameters, strict=True):
            for key in MOMENTS:
                value = state[f"{name}.{key}"].to(self._device)
                safe_set_full_optimizer_state(parameter, value, key)
        for entry in self.optimizer.state.values():
            entry["step"].copy_(state[f"{self.names[0]}.step"])
        self._assign(weights)

    def _assign(self, weights: list[Tensor]) -> None:
        for parameter, whole in zip(self.parameters, weights, strict=True):
            safe_set_full_fp32_param(parameter, whole)
        # What the model computes with is made of these float32 weights after each update.
        self._update_nothing()

    def _update_nothing(self) -> None:
        with deepspeed.zero.GatheredParameters(self.parameters, enabled=self._stage == 3):
            sums = torch.stack([parameter.sum() for parameter in self.parameters])
            self.backward(0 * sums.sum(), is_last=True)
        self.update(0.0, torch.full((), math.nan, device=self._device))


class _GuardedAdamW(AdamW):
    """Updates nothing when the loss, or a gradient on any device, is not finite."""

    loss: Tensor

    def step(self, closure: Any = None) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        norms = torch.stack([*(gradient.norm() for gradient in gradients), self.loss])
        found = (~torch.isfinite(norms.sum())).float()
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
        vars(self).update(grad_scale=None, found_inf=found)
        super().step()


def _config(train: TrainTable, stage: int, is_bf16: bool, masters: list[Tensor]) -> dict[str, Any]:
    """DeepSpeed's configuration; the loss is already divided by the rounds of a step."""
    return {
        "train_micro_batch_size_per_gpu": train.micro_batch,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": train.grad_clip,
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": is_bf16, "check_grad_overflow": False},
        "data_types": {"grad_accum_dtype": "fp32"},
        "zero_optimization": {
            "stage": stage,
            # Parameters up to this size stay whole: the trained ones, norms and biases.
            "stage3_param_persistence_threshold": max(tensor.numel() for tensor in masters) + 1,
        },
    }
