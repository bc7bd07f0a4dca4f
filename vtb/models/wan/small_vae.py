"""The Wan VAEs at other widths than the published ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffsynth.models.wan_video_vae import VideoVAE38_, VideoVAE_, WanVideoVAE, WanVideoVAE38
from torch.overrides import TorchFunctionMode


class SmallWanVAE38(WanVideoVAE38):
    """diffsynth's Wan2.2 VAE wrapper around an inner model of any size.

    The stock wrapper always builds a decoder of 555 million parameters. Here that one is built
    without storage and then replaced, which keeps the wrapper's constants of the latent space.
    """

    def __init__(self, **arguments: Any) -> None:
        with _WithoutStorage():
            super().__init__()
        self.model = VideoVAE38_(**arguments).eval().requires_grad_(False)


class SmallWanVAE(WanVideoVAE):
    """The same for the Wan2.1 VAE, which the A14B models use."""

    def __init__(self, **arguments: Any) -> None:
        with _WithoutStorage():
            super().__init__()
        self.model = VideoVAE_(**arguments).eval().requires_grad_(False)


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
