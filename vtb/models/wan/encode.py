"""Turns prompts and first frames into what the transformer reads.

Shapes: B clips, T latent frames, h and w latent height and width.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vtb.core.types import Array
from vtb.models.wan.load import load_pipeline

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline


@torch.no_grad()
def encode_prompts(
    model_dir: Path,
    prompts: Iterable[str],
    *,
    device: str,
    dtype: torch.dtype,
    log: Path | None = None,
) -> dict[str, Tensor]:
    """The true tokens of each distinct prompt on the CPU, (n, text dim), n at most 512.

    The text encoder is loaded for it and freed: the published one takes 11 GB.
    """
    pipe: Any = load_pipeline(
        model_dir, device=device, dtype=dtype, parts=("text_encoder",), log=log
    )
    contexts: dict[str, Tensor] = {}
    for prompt in dict.fromkeys(prompts):
        ids, mask = pipe.tokenizer(prompt, return_mask=True, add_special_tokens=True)
        embedded: Tensor = pipe.text_encoder(ids.to(device), mask.to(device))
        contexts[prompt] = embedded[0, : int(mask.sum())].to("cpu", copy=True)
    del pipe
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return contexts


@torch.no_grad()
def encode_first_frames(
    pipe: WanVideoPipeline, pictures: Array, num_frames: int
) -> Mapping[str, Tensor]:
    """What clips of `num_frames` that begin with these pictures are conditioned on.

    Pictures are RGB uint8 (B, H, W, 3). The result has the names and shapes of `Conditions`:
    `first_frame`, the frame by itself (TI2V), or `image_condition` (I2V): four channels that are 1
    in the first latent frame, then the VAE's channels of the first frame followed by grey. It is
    empty for a model that takes no image.
    """
    parts: Any = pipe
    pixels = torch.from_numpy(pictures).to(parts.device).permute(0, 3, 1, 2)[:, :, None]
    first = pixels.to(parts.torch_dtype) * (2 / 255) - 1
    if parts.dit.fuse_vae_embedding_in_latents:
        return {"first_frame": _encoded(parts.vae, first)}
    if not parts.dit.require_vae_embedding:
        return {}
    grey = torch.zeros_like(first).expand(-1, -1, num_frames - 1, -1, -1)
    latents = _encoded(parts.vae, torch.cat([first, grey], dim=2))
    mask = torch.zeros_like(latents[:, :4])
    mask[:, :, 0] = 1
    return {"image_condition": torch.cat([mask, latents], dim=1)}


def _encoded(vae: Any, clips: Tensor) -> Tensor:
    # The inner model: diffsynth's wrapper takes clips one by one.
    return vae.model.encode(clips, vae.scale)
