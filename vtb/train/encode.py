"""Turns clips into what the transformer reads, through diffsynth's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from vtb.train.clips import Clip
from vtb.train.flow_matching import NUM_TIMESTEPS, Conditions

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline


class WanEncoder:
    """Encodes clips with the VAE and the text encoder of a pipeline."""

    def __init__(self, pipe: WanVideoPipeline) -> None:
        # diffsynth's units keep the clean latents only while its scheduler is in training mode.
        pipe.scheduler.set_timesteps(NUM_TIMESTEPS, training=True)
        self._pipe = pipe

    @torch.no_grad()
    def encode(self, clip: Clip) -> Conditions:
        """The clip's conditions on the pipeline's device and in its dtype."""
        images = [Image.fromarray(frame) for frame in clip.frames]
        height, width = clip.frames.shape[1:3]
        shared: dict[str, Any] = {
            "input_video": images,
            "input_image": images[0],
            "height": height,
            "width": width,
            "num_frames": len(images),
            "cfg_scale": 1,
            "cfg_merge": False,
            "tiled": False,
            "seed": 0,
            "rand_device": "cpu",
            "vace_scale": 1,
        }
        inputs: Any = (shared, {"prompt": clip.prompt, "positive": True}, {})
        for unit in self._pipe.units:
            inputs = self._pipe.unit_runner(unit, self._pipe, *inputs)
        encoded = {**inputs[0], **inputs[1]}
        return Conditions(
            encoded["input_latents"], encoded["context"], encoded["first_frame_latents"]
        )
