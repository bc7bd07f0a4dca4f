"""One clip from a loaded Wan pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vtb.core.errors import UsageError
from vtb.core.types import Array
from vtb.models.wan.variants import check_geometry
from vtb.run.quiet import quiet

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

# diffsynth's tile for the Wan2.2 VAE, 30 x 52 latents of 16 px: a clip that fits in one needs no
# more memory undivided, and has no seams.
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
    negative_prompt: str = "",
    log: Path | None = None,
) -> Array:
    """A clip as RGB uint8 (num_frames, height, width, 3); the same for the same seed and device.

    `image`, RGB uint8 (height, width, 3), becomes the first frame. Raises UsageError for a
    geometry that the model does not have or an image of another size; diffsynth would change
    both silently. What diffsynth prints goes to `log`.
    """
    upstream: Any = pipe  # its optional arguments are annotated as if they were required
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
    with quiet(log):
        frames = upstream(
            prompt=prompt,
            negative_prompt=negative_prompt,
            input_image=None if image is None else Image.fromarray(image),
            seed=seed,
            rand_device="cpu",
            height=height,
            width=width,
            num_frames=num_frames,
            cfg_scale=cfg,
            num_inference_steps=steps,
            sigma_shift=shift,
            tiled=height * width > TILE_AREA_PX,
            progress_bar_cmd=_no_bar,
        )
    return np.stack([np.asarray(frame) for frame in frames])


def _no_bar(steps: Iterable[object]) -> Iterable[object]:
    return steps
