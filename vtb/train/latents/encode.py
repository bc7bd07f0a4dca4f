"""Turns clips and prompts into what the transformer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vtb.core.types import Array
from vtb.models.wan.checkpoint import WanCheckpoint

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline


def encoder_dtype(device: str) -> torch.dtype:
    """The precision that encoders compute in; some bfloat16 convolutions take minutes on a CPU."""
    return torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16


class PromptEncoder:
    """Encodes prompts with the text encoder of a pipeline, which need hold nothing else."""

    def __init__(self, pipe: WanVideoPipeline) -> None:
        from diffsynth.pipelines.wan_video import WanVideoUnit_PromptEmbedder

        self._pipe = pipe
        self._unit = next(u for u in pipe.units if isinstance(u, WanVideoUnit_PromptEmbedder))

    @torch.no_grad()
    def encode(self, prompt: str) -> Tensor:
        """The prompt's true tokens on the CPU, (n, text dim), n at most 512."""
        context = self._unit.process(self._pipe, prompt=prompt, positive=True)["context"]
        _, mask = self._pipe.tokenizer(prompt, return_mask=True, add_special_tokens=True)
        return context[0, : int(mask.sum())].cpu()


class ClipEncoder:
    """Encodes clips with the VAE of a pipeline, which need hold nothing else.

    Gives what diffsynth's units give, of a single clip bit for bit, but moves bytes to the device
    instead of converting every frame on the CPU, which takes half as long as the VAE itself, and
    encodes several clips at once, which the units' wrapper of the VAE takes one by one.
    """

    def __init__(self, pipe: WanVideoPipeline, checkpoint: WanCheckpoint) -> None:
        vae: Any = pipe.vae
        self._model: Any = vae.model
        # Mean and reciprocal deviation of the latents (C,).
        self._scale: list[Tensor] = vae.scale
        self._device, self._dtype = pipe.device, pipe.torch_dtype
        arguments = checkpoint.part("dit").arguments
        self._first_frame: bool = arguments["fuse_vae_embedding_in_latents"]
        self._condition: bool = arguments["require_vae_embedding"]

    @torch.no_grad()
    def encode(self, frames: Sequence[Array]) -> dict[str, Tensor]:
        """The `latents` and conditions of B clips on the CPU, by their names in `Encoded`.

        `frames` are RGB uint8 (T, H, W, 3) of one shape; each tensor is that of `Encoded`, with B
        in front. Latents are the mean of the VAE's posterior.
        """
        # Stacked on the device: on the host, new memory for many clips costs more than the copy.
        pixels = torch.stack([torch.from_numpy(clip).to(self._device) for clip in frames])
        clips = pixels.permute(0, 4, 1, 2, 3).to(self._dtype) * (2 / 255) - 1
        first = clips[:, :, :1]
        encoded = {"latents": self._encoded(clips)}
        if self._first_frame:
            encoded["first_frame_latents"] = self._encoded(first)
        if self._condition:
            grey = torch.zeros_like(clips[:, :, 1:])
            encoded["image_condition"] = self._encoded(torch.cat([first, grey], dim=2))
        return encoded

    def _encoded(self, clips: Tensor) -> Tensor:
        latents: Tensor = self._model.encode(clips, self._scale)
        return latents.to("cpu", self._dtype)
