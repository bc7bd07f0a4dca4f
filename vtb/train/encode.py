"""Turns clips and prompts into what the transformer reads, through diffsynth's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from vtb.core.types import Array
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.train.schedule import NUM_TIMESTEPS

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
    """Encodes clips with the VAE of a pipeline, which need hold nothing else."""

    def __init__(self, pipe: WanVideoPipeline, checkpoint: WanCheckpoint) -> None:
        from diffsynth.pipelines.wan_video import WanVideoUnit_PromptEmbedder

        # diffsynth's units keep the clean latents only while its scheduler is in training mode.
        pipe.scheduler.set_timesteps(NUM_TIMESTEPS, training=True)
        self._pipe = pipe
        self._units = [u for u in pipe.units if not isinstance(u, WanVideoUnit_PromptEmbedder)]
        self._takes_image = checkpoint.variant.takes_image

    @torch.no_grad()
    def encode(self, frames: Array) -> dict[str, Tensor]:
        """The clip's `latents` and conditions on the CPU, by their names in `Encoded`.

        `frames` are RGB uint8 (T, H, W, 3). Latents are the mean of the VAE's posterior.
        """
        images = [Image.fromarray(frame) for frame in frames]
        shared: dict[str, Any] = {
            "input_video": images,
            "input_image": images[0] if self._takes_image else None,
            "height": frames.shape[1],
            "width": frames.shape[2],
            "num_frames": len(images),
            "cfg_scale": 1,
            "cfg_merge": False,
            "tiled": False,
            "seed": 0,
            "rand_device": "cpu",
            "vace_scale": 1,
        }
        inputs: Any = (shared, {}, {})
        for unit in self._units:
            inputs = self._pipe.unit_runner(unit, self._pipe, *inputs)
        return {name: tensor.cpu() for name, tensor in _kept(inputs[0])}


def _kept(shared: dict[str, Any]) -> list[tuple[str, Tensor]]:
    kept = [("latents", shared["input_latents"][0])]
    if "first_frame_latents" in shared:
        kept.append(("first_frame_latents", shared["first_frame_latents"][0]))
    if "y" in shared:
        # Its first four channels are a mask, the same for every clip.
        kept.append(("image_condition", shared["y"][0, 4:]))
    return kept
