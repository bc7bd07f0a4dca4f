"""One clip from a loaded Wan pipeline."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vtb.core.errors import UsageError
from vtb.core.types import Array
from vtb.models.wan.geometry import check_geometry
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

# diffsynth's tile, 30 x 52 latents of the Wan2.2 VAE: a clip that fits in one needs no more memory
# undivided, and has no seams.
TILE_AREA_PX = 480 * 832


def generate(
    pipe: WanVideoPipeline,
    *,
    prompt: str,
    image: Array | None,
    num_frames: int,
    height: int,
    width: int,
    steps: int,
    cfg: float,
    seed: int,
    shift: float,
    cfg_low: float | None = None,
    boundary: float | None = None,
    negative_prompt: str = "",
    log: Path | None = None,
) -> Array:
    """A clip as RGB uint8 (num_frames, height, width, 3); the same for the same seed and device.

    `image`, RGB uint8 (height, width, 3), becomes the first frame. A pipeline with two experts
    needs `boundary`, the sigma below which the low-noise one takes over, and may have its own
    guidance scale, `cfg_low`. Raises UsageError for a geometry that the model does not have or an
    image of another size; diffsynth would change both silently. What diffsynth prints goes to
    `log`.
    """
    upstream: Any = pipe  # its optional arguments are annotated as if they were required
    assert boundary is not None or upstream.dit2 is None
    check_geometry(
        num_frames,
        height,
        width,
        time_stride=upstream.time_division_factor,
        size_multiple=upstream.height_division_factor,
    )
    if image is not None and image.shape != (height, width, 3):
        raise UsageError(
            f"the image is {image.shape[0]}x{image.shape[1]}, the clip {height}x{width}",
            hint="resize or pad the image first",
        )
    with quiet(log), _guided(upstream, cfg, cfg if cfg_low is None else cfg_low, negative_prompt):
        frames = upstream(
            prompt=prompt,
            input_image=None if image is None else Image.fromarray(image),
            seed=seed,
            rand_device="cpu",
            height=height,
            width=width,
            num_frames=num_frames,
            cfg_scale=1.0,
            num_inference_steps=steps,
            sigma_shift=shift,
            switch_DiT_boundary=boundary or 0.0,
            tiled=height * width > TILE_AREA_PX,
            progress_bar_cmd=_no_bar,
        )
    return np.stack([np.asarray(frame) for frame in frames])


@contextmanager
def _guided(pipe: Any, cfg: float, cfg_low: float, negative_prompt: str) -> Generator[None]:
    """Lets each expert be guided by its own scale; diffsynth knows one scale for both."""
    from diffsynth.pipelines.wan_video import WanVideoUnit_PromptEmbedder

    predict = pipe.model_fn
    with torch.no_grad():
        negative: Any = WanVideoUnit_PromptEmbedder().encode_prompt(pipe, negative_prompt)

    def guided(*, dit: object, context: Tensor, **inputs: Any) -> Tensor:
        scale = cfg if dit is pipe.dit else cfg_low
        with_prompt = predict(dit=dit, context=context, **inputs)
        if scale == 1:
            return with_prompt
        without = predict(dit=dit, context=negative, **inputs)
        return without + scale * (with_prompt - without)

    pipe.model_fn = guided
    try:
        yield
    finally:
        pipe.model_fn = predict


def _no_bar(steps: Iterable[object]) -> Iterable[object]:
    return steps
