"""Clips from diffsynth's own pipeline, what our sampler is compared with.

Tests get it as the fixture `diffsynth_clip`.
"""

from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image


def make(
    pipe,
    prompt,
    image,
    *,
    seed,
    num_frames,
    size,
    steps,
    shift,
    cfg,
    cfg_low=None,
    boundary=None,
    negative_prompt="",
):
    """One clip, RGB uint8 (T, H, W, 3), and the latents it was decoded from (C, T, h, w).

    Each expert is guided by its own scale; diffsynth knows one scale for both.
    """
    from vtb.run.quiet import quiet

    low = cfg if cfg_low is None else cfg_low
    with quiet(), _guided(pipe, cfg, low, negative_prompt), _decoded(pipe.vae) as latents:
        frames = pipe(
            prompt=prompt,
            input_image=None if image is None else Image.fromarray(image),
            seed=seed,
            rand_device="cpu",
            height=size[0],
            width=size[1],
            num_frames=num_frames,
            cfg_scale=1.0,
            num_inference_steps=steps,
            sigma_shift=shift,
            switch_DiT_boundary=boundary or 0.0,
            tiled=False,
        )
    return np.stack([np.asarray(frame) for frame in frames]), latents[0][0]


@contextmanager
def _guided(pipe, cfg, cfg_low, negative_prompt):
    from diffsynth.pipelines.wan_video import WanVideoUnit_PromptEmbedder

    predict = pipe.model_fn
    with torch.no_grad():
        negative = WanVideoUnit_PromptEmbedder().encode_prompt(pipe, negative_prompt)

    def guided(*, dit, context, **inputs):
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


@contextmanager
def _decoded(vae):
    decode, latents = vae.decode, []

    def recorded(hidden_states, **options):
        latents.append(hidden_states.clone())
        return decode(hidden_states, **options)

    vae.decode = recorded
    try:
        yield latents
    finally:
        del vae.decode
