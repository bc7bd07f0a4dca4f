"""Our sampler against diffsynth's pipeline, in float32."""

import numpy as np
import pytest
import torch

from vtb.models.wan import encode, sample
from vtb.models.wan.encode import encode_prompts
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.sample import Conditions, LowNoise, decode, denoise, inference_sigmas
from vtb.models.wan.sampler import ClipSampler, Sampling

TI2V, T2V, I2V = "wan2.2-ti2v-5b", "wan2.2-t2v-a14b", "wan2.2-i2v-a14b"
# Longer than one token, so that the padding matters.
PROMPTS = ("draw the way from the green dot to the red dot", "a ball rolls", "")
FRAMES, SIZE = 9, (64, 96)
EXPERTS = {"cfg_low": 3.0, "boundary": 0.9}
# Four steps, two of them above the boundary.
CASES = {
    "TI2V": (TI2V, {"cfg": 1.0}),
    "TI2V guided": (TI2V, {"cfg": 3.0}),
    "T2V": (T2V, {"cfg": 4.0, **EXPERTS}),
    "T2V, low-noise expert guided": (T2V, {"cfg": 1.0, **EXPERTS}),
    "I2V": (I2V, {"cfg": 2.0, **EXPERTS}),
}


@pytest.fixture(scope="module")
def pictures():
    shape = (len(PROMPTS), *SIZE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="module")
def model_of(tiny_wan, tiny_a14b):
    """Whole pipelines and encoded prompts by family."""
    directories = {TI2V: tiny_wan, **tiny_a14b}
    return {
        family: (
            load_pipeline(directory),
            encode_prompts(directory, PROMPTS, device="cpu", dtype=torch.float32),
        )
        for family, directory in directories.items()
    }


@pytest.fixture
def sampler_of(model_of):
    """A sampler with what the family reads of the pictures."""

    def make(family, negative="", **options):
        pipe, contexts = model_of[family]
        sampling = Sampling(num_frames=FRAMES, steps=4, shift=5.0, **options)
        return ClipSampler(pipe, sampling, contexts[negative]), contexts

    return make


def assert_equal(frames, expected):
    assert frames.shape == expected.shape == (FRAMES, *SIZE, 3)
    assert expected.std() > 5  # a picture, not grey
    assert np.abs(frames.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize(("family", "guidance"), CASES.values(), ids=CASES)
def test_clips_are_those_of_diffsynth(
    model_of, sampler_of, diffsynth_clip, pictures, family, guidance
):
    pipe = model_of[family][0]
    sampler, contexts = sampler_of(family, **guidance)
    given = None if family == T2V else pictures[:2]
    asked = [contexts[prompt] for prompt in PROMPTS[:2]], [7, 8], SIZE, given
    frames, latents = sampler.frames(*asked), sampler.latents(*asked)
    for i in range(2):
        expected = diffsynth_clip.make(
            pipe,
            PROMPTS[i],
            None if given is None else given[i],
            seed=7 + i,
            num_frames=FRAMES,
            size=SIZE,
            steps=4,
            shift=5.0,
            **guidance,
        )
        assert_equal(frames[i], expected[0])
        assert (latents[i] - expected[1]).abs().max() < 2e-5


def test_ti2v_without_a_picture_is_that_of_diffsynth(model_of, sampler_of, diffsynth_clip):
    sampler, contexts = sampler_of(TI2V, cfg=3.0)
    [frames] = sampler.frames([contexts[PROMPTS[0]]], [7], SIZE)
    options = {"seed": 7, "num_frames": FRAMES, "size": SIZE, "steps": 4, "shift": 5.0, "cfg": 3.0}
    expected, _ = diffsynth_clip.make(model_of[TI2V][0], PROMPTS[0], None, **options)
    assert_equal(frames, expected)


@pytest.mark.parametrize("family", [TI2V, T2V, I2V])
def test_a_clip_does_not_depend_on_its_batch(sampler_of, pictures, family):
    guidance = {"cfg": 3.0} if family == TI2V else {"cfg": 3.0, **EXPERTS}
    sampler, contexts = sampler_of(family, **guidance)
    given = None if family == T2V else pictures
    prompts = [contexts[prompt] for prompt in PROMPTS]
    together = sampler.frames(prompts, [1, 2, 3], SIZE, given)
    for i in range(3):
        picture = None if given is None else given[i : i + 1]
        [alone] = sampler.frames(prompts[i : i + 1], [1 + i], SIZE, picture)
        assert_equal(together[i], alone)


def test_seed_prompts_and_picture_matter_and_nothing_else(sampler_of, pictures, capfd):
    def clip(prompt=PROMPTS[0], negative="", seed=1, given=pictures[:1]):
        sampler, contexts = sampler_of(TI2V, negative, cfg=5.0)
        return sampler.frames([contexts[prompt]], [seed], SIZE, given)

    first = clip()
    torch.rand(3)
    assert np.array_equal(first, clip())
    for change in (
        {"seed": 2},
        {"prompt": PROMPTS[1]},
        {"negative": PROMPTS[1]},
        {"given": pictures[1:2]},
        {"given": None},
    ):
        assert not np.array_equal(first, clip(**change))
    assert capfd.readouterr() == ("", "")


def test_each_prompt_is_encoded_once(tiny_wan, monkeypatch):
    seen = []

    def load(*args, **options):
        pipe = load_pipeline(*args, **options)
        assert pipe.vae is None
        pipe.text_encoder.register_forward_hook(lambda *_: seen.append(None))
        return pipe

    monkeypatch.setattr(encode, "load_pipeline", load)
    prompts = [PROMPTS[0], "", PROMPTS[0], ""]
    contexts = encode_prompts(tiny_wan, prompts, device="cpu", dtype=torch.float32)
    assert len(seen) == 2 and set(contexts) == {PROMPTS[0], ""}


def test_the_boundary_decides_which_expert_predicts_and_how_it_is_guided():
    seen = []

    def expert(name):
        def predict(latents, timesteps, context, *_):
            seen.append((name, timesteps.item(), context.sum().item()))
            return torch.zeros_like(latents)

        return predict

    def calls(boundary, cfg, cfg_low):
        seen.clear()
        denoise(
            expert("high"),
            torch.zeros(1, 1, 1, 1, 1),
            Conditions(torch.ones(1, 1, 1)),
            steps=4,
            shift=5.0,
            dtype=torch.float32,
            cfg=cfg,
            negative_context=torch.zeros(1, 1, 1),
            low=LowNoise(expert("low"), boundary, cfg_low),
        )
        return [name for name, *_ in seen]

    # The timesteps are 1000, 937.5, 833.3 and 625.
    assert calls(0.9, 1.0, 1.0) == ["high", "high", "low", "low"]
    assert calls(0.95, 1.0, 1.0) == ["high", "low", "low", "low"]
    assert calls(0.9375, 1.0, 1.0) == ["high", "high", "low", "low"]
    assert calls(0.0, 1.0, 1.0) == ["high"] * 4
    assert calls(0.9, 1.0, 3.0) == ["high"] * 2 + ["low"] * 4
    assert [context for *_, context in seen] == [1, 1, 1, 0, 1, 0]
    assert calls(0.9, 3.0, 1.0) == ["high"] * 4 + ["low"] * 2


def test_small_clips_are_decoded_together_and_large_ones_in_tiles(model_of, monkeypatch):
    vae = model_of[TI2V][0].vae
    latents = torch.randn(2, 48, 2, 2, 54, generator=torch.Generator().manual_seed(0))
    alone = np.concatenate([decode(vae, clip[None]) for clip in latents])
    together = decode(vae, latents)
    assert together.shape == (2, 5, 32, 864, 3)
    assert np.abs(together.astype(int) - alone).max() <= 1
    monkeypatch.setattr(sample, "TILE_AREA_PX", 32 * 864 - 1)
    tiled = decode(vae, latents)
    assert np.abs(tiled.astype(int) - together).max() > 1
    whole = vae.decode(latents, "cpu", tiled=True, tile_size=(30, 52), tile_stride=(15, 26))
    expected = ((whole + 1) * 127.5).permute(0, 2, 3, 4, 1).numpy()
    assert np.abs(tiled - expected).max() <= 1


def test_convolutions_of_a_small_vae_are_those_of_pytorch(model_of):
    from diffsynth.models.wan_video_vae import CausalConv3d

    vae = model_of[TI2V][0].vae.model
    layers = [m for m in vae.modules() if isinstance(m, CausalConv3d) and m.kernel_size[0] == 3]
    quick = layers[0].requires_grad_()
    plain = CausalConv3d(quick.in_channels, quick.out_channels, 3, padding=1)
    plain.load_state_dict(quick.state_dict())
    x = torch.randn(1, quick.in_channels, 3, 6, 6).transpose(3, 4)
    ours, theirs = quick(x), plain(x)
    assert type(quick) is not type(plain)
    assert torch.allclose(ours, theirs, atol=1e-5)
    ours.sum().backward()
    theirs.sum().backward()
    assert torch.allclose(quick.weight.grad, plain.weight.grad, atol=1e-4)
    quick.requires_grad_(False).weight.grad = quick.bias.grad = None


def test_sigmas_are_those_of_diffsynth(tiny_pipe):
    tiny_pipe.scheduler.set_timesteps(20, shift=3.0)
    sigmas = inference_sigmas(20, 3.0)
    assert torch.allclose(sigmas[:-1], tiny_pipe.scheduler.sigmas, atol=1e-7)
    assert sigmas[-1] == 0
