"""The Wan VAEs at other widths than the published ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffsynth.models.wan_video_vae import (
    CausalConv3d,
    VideoVAE38_,
    VideoVAE_,
    WanVideoVAE,
    WanVideoVAE38,
)
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class SmallWanVAE38(WanVideoVAE38):
    """diffsynth's Wan2.2 VAE wrapper around an inner model of any size.

    The stock wrapper always builds a decoder of 555 million parameters. Here that one is built
    without storage and then replaced, which keeps the wrapper's constants of the latent space.
    """

    def __init__(self, **arguments: Any) -> None:
        with _WithoutStorage():
            super().__init__()
        self.model = _quick(VideoVAE38_(**arguments)).eval().requires_grad_(False)


class SmallWanVAE(WanVideoVAE):
    """The same for the Wan2.1 VAE, which the A14B models use."""

    def __init__(self, **arguments: Any) -> None:
        with _WithoutStorage():
            super().__init__()
        self.model = _quick(VideoVAE_(**arguments)).eval().requires_grad_(False)


class _QuickConv3d(CausalConv3d):
    """The same convolution, by oneDNN wherever it can.

    PyTorch takes its slow kernel, which needs four times as long, for a single small float32 clip
    on a CPU; for a batch it takes oneDNN itself.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        is_quick = input.device.type == "cpu" and input.dtype == weight.dtype == torch.float32
        if not (is_quick and torch.backends.mkldnn.is_available()):
            return super()._conv_forward(input, weight, bias)
        padding = (0, 0, 0)  # done by now, on one side of time only
        geometry = (padding, self.stride, self.dilation, self.groups)
        return torch.mkldnn_convolution(input.contiguous(), weight, bias, *geometry)


def _quick(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if type(module) is CausalConv3d:
            module.__class__ = _QuickConv3d
    return model


class _WithoutStorage(TorchFunctionMode):
    # Not `torch.device("meta")`: that would also take the values of the wrapper's constants.
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if function is torch.empty:
            kwargs = {**(kwargs or {}), "device": "meta"}
        return function(*args, **(kwargs or {}))
