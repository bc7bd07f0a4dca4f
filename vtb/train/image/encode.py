"""Turns pictures and prompts into what the transformer reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vtb.core.types import Array
from vtb.models.qwen_image.variants import QwenImageVariant

if TYPE_CHECKING:
    from diffsynth.pipelines.qwen_image import QwenImagePipeline


class PromptEncoder:
    """Encodes prompts with the text encoder of a pipeline, which need hold nothing else.

    The templates, and what of them is left out, are those of diffsynth's unit.
    """

    def __init__(
        self, pipe: QwenImagePipeline, variant: QwenImageVariant, *, resizes: bool
    ) -> None:
        from diffsynth.pipelines.qwen_image import QwenImageUnit_PromptEmbedder

        self._pipe, self._variant, self._resizes = pipe, variant, resizes
        self._unit = next(u for u in pipe.units if isinstance(u, QwenImageUnit_PromptEmbedder))

    @torch.no_grad()
    def encode(self, prompt: str, references: Sequence[Array]) -> Tensor:
        """The prompt's tokens (n, text dim) on the CPU, which have seen the pictures to edit.

        `references` are RGB uint8 (H, W, 3); Edit takes one, the later models a list.
        """
        pictures: Any = [as_reference(one, resizes=self._resizes) for one in references] or None
        if self._variant.references == "one":
            (pictures,) = pictures
        found = self._unit.process(self._pipe, prompt=prompt, edit_image=pictures)
        return found["prompt_emb"][0].cpu()


class PictureEncoder:
    """Encodes pictures with the VAE of a pipeline, which need hold nothing else."""

    def __init__(self, pipe: QwenImagePipeline) -> None:
        self._vae: Any = pipe.vae
        self._device, self._dtype = pipe.device, pipe.torch_dtype

    @torch.no_grad()
    def encode(self, pictures: Sequence[Array]) -> Tensor:
        """Latents (B, 16, H/8, W/8) on the CPU of pictures, RGB uint8 (H, W, 3) of one size."""
        pixels = torch.stack([torch.from_numpy(one).to(self._device) for one in pictures])
        scaled = pixels.permute(0, 3, 1, 2).to(self._dtype) * (2 / 255) - 1
        latents: Tensor = self._vae.encode(scaled)
        return latents.to("cpu", self._dtype)


def as_reference(picture: Array, *, resizes: bool) -> Image.Image:
    """A picture to edit, RGB uint8 (H, W, 3); if `resizes`, brought to a megapixel by diffsynth."""
    image = Image.fromarray(picture)
    if not resizes:
        return image
    from diffsynth.pipelines.qwen_image import QwenImageUnit_EditImageEmbedder

    return QwenImageUnit_EditImageEmbedder().edit_image_auto_resize(image)


def reference_pixels(picture: Array, *, resizes: bool) -> Array:
    """The same as pixels."""
    return np.asarray(as_reference(picture, resizes=resizes)) if resizes else picture
