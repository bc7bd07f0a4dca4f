"""Our sampler against diffsynth's pipeline, in float32."""

import numpy as np
import pytest
import torch
from PIL import Image

from vtb.models.create import create
from vtb.models.wan.fast import WanForward
from vtb.models.wan.generate import generate
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.reference import ReferenceForward
from vtb.models.wan.sample import Conditions, decode, denoise, inference_sigmas

STEPS, SHIFT, SEED = 3, 5.0, 7
FRAMES, SIDE = 9, 64
# Longer than one token, so that the padding matters.
PROMPT = "draw the way from the green dot to the red dot"


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def i2v_pipe(tmp_path_factory):
    """The high-noise expert of a tiny I2V model, alone."""
    directory = tmp_path_factory.mktemp("models") / "i2v"
    create("wan2.2-i2v-a14b", "tiny", 0, directory)
    return load_pipeline(directory, parts=("dit", "text_encoder", "vae"), expert="high")


def encoded(pipe, image, prompt):
    """What diffsynth's own units make of a prompt and a first frame."""
    shared = {
        "input_image": None if image is None else Image.fromarray(image),
        "input_video": None,
        "height": SIDE,
        "width": SIDE,
        "num_frames": FRAMES,
        "seed": SEED,
        "rand_device": "cpu",
        "tiled": False,
        "cfg_scale": 1,
        "cfg_merge": False,
        "vace_scale": 1,
    }
    pipe.scheduler.set_timesteps(STEPS, shift=SHIFT)
    inputs = (shared, {"prompt": prompt, "positive": True}, {})
    with torch.no_grad():
        for unit in pipe.units:
            inputs = pipe.unit_runner(unit, pipe, *inputs)
    return inputs[0] | inputs[1]


def reference(dit):
    return ReferenceForward(dit, recompute=False)


def fast(dit):
    return WanForward(dit, compile=False, num_checkpointed=0)


def ours(pipe, image, cfg, *, forward=reference, count=1):
    """The frames of `count` equal clips made as one batch."""
    found = encoded(pipe, image, PROMPT)
    noise = torch.randn(found["noise"].shape, generator=torch.Generator().manual_seed(SEED))
    latents = denoise(
        forward(pipe.dit),
        noise.repeat(count, 1, 1, 1, 1),
        Conditions(
            *(
                tensor if tensor is None else tensor.repeat(count, *[1] * (tensor.ndim - 1))
                for tensor in (found["context"], found.get("first_frame_latents"), found.get("y"))
            )
        ),
        steps=STEPS,
        shift=SHIFT,
        dtype=torch.float32,
        cfg=cfg,
        negative_context=encoded(pipe, image, "")["context"],
    )
    return [decode(pipe.vae, clip) for clip in latents]


def theirs(pipe, image, cfg):
    return generate(
        pipe,
        prompt=PROMPT,
        image=image,
        num_frames=FRAMES,
        height=SIDE,
        width=SIDE,
        steps=STEPS,
        cfg=cfg,
        seed=SEED,
        shift=SHIFT,
    )


def assert_equal(frames, expected):
    assert frames.shape == expected.shape == (FRAMES, SIDE, SIDE, 3)
    assert expected.std() > 5  # a picture, not grey
    assert np.abs(frames.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("forward", [reference, fast])
@pytest.mark.parametrize("cfg", [1.0, 3.0])
@pytest.mark.parametrize("is_given", [True, False])
def test_clips_of_ti2v_are_those_of_diffsynth(tiny_pipe, image, is_given, cfg, forward):
    first = image if is_given else None
    assert_equal(ours(tiny_pipe, first, cfg, forward=forward)[0], theirs(tiny_pipe, first, cfg))


@pytest.mark.parametrize("forward", [reference, fast])
def test_clips_of_i2v_are_those_of_diffsynth(i2v_pipe, image, forward):
    assert_equal(ours(i2v_pipe, image, 2.0, forward=forward)[0], theirs(i2v_pipe, image, 2.0))


def test_a_batch_is_made_of_the_same_clips(tiny_pipe, image):
    [alone] = ours(tiny_pipe, image, 2.0)
    for clip in ours(tiny_pipe, image, 2.0, forward=fast, count=2):
        assert_equal(clip, alone)


def test_a_given_first_frame_stays_and_has_an_effect(tiny_pipe, image):
    given = ours(tiny_pipe, image, 1.0)[0]
    free = ours(tiny_pipe, None, 1.0)[0]
    assert np.abs(given.astype(int) - free.astype(int)).mean() > 1


def test_sigmas_are_those_of_diffsynth(tiny_pipe):
    tiny_pipe.scheduler.set_timesteps(20, shift=3.0)
    sigmas = inference_sigmas(20, 3.0)
    assert torch.allclose(sigmas[:-1], tiny_pipe.scheduler.sigmas, atol=1e-7)
    assert sigmas[-1] == 0
