"""The A14B models: two experts, Wan2.1 latents, an image condition in channels or none."""

import json
import shutil

import numpy as np
import pytest

from vtb.core.errors import MissingEnvironmentError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

TI2V, T2V, I2V = "wan2.2-ti2v-5b", "wan2.2-t2v-a14b", "wan2.2-i2v-a14b"
SHARD = "diffusion_pytorch_model-0000{}-of-00006.safetensors"
FOLDERS = {"high": "high_noise_model", "low": "low_noise_model"}


@pytest.fixture
def directory_of(tiny_wan, tiny_a14b):
    return {TI2V: tiny_wan, **tiny_a14b}.__getitem__


@pytest.fixture(scope="module")
def pipe_of(tiny_a14b):
    """Whole tiny pipelines by family, loaded once."""
    pipes = {family: load(directory) for family, directory in tiny_a14b.items()}
    return pipes.__getitem__


def load(directory, **options):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(directory, **options)


def check(directory, *args):
    from vtb.models.check import check

    return check(directory, *args)


def stored(directory, expert):
    from safetensors.torch import load_file

    files = sorted((directory / FOLDERS[expert]).glob("*.safetensors"))
    return {name: weight for file in files for name, weight in load_file(file).items()}


def holds(model, state):
    ours = model.state_dict()
    return ours.keys() == state.keys() and all(torch.equal(ours[n], w) for n, w in state.items())


@pytest.mark.parametrize(
    ("family", "parameters"),
    [(T2V, 2 * 85_840), (I2V, 2 * 89_680)],
)
def test_layout_is_the_published_one_with_different_experts(directory_of, family, parameters):
    directory = directory_of(family)
    files = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    experts = {
        f"{folder}/{name}"
        for folder in FOLDERS.values()
        for name in (
            "config.json",
            "diffusion_pytorch_model.safetensors.index.json",
            *(SHARD.format(i) for i in range(1, 7)),
        )
    }
    assert files == experts | {
        "models_t5_umt5-xxl-enc-bf16.pth",
        "Wan2.1_VAE.pth",
        "google/umt5-xxl/tokenizer.json",
        "google/umt5-xxl/tokenizer_config.json",
        "vtb_tiny.json",
    }
    high, low = (stored(directory, expert) for expert in FOLDERS)
    assert high.keys() == low.keys()
    assert not any(torch.equal(high[name], low[name]) for name in high)
    index = json.loads(next(directory.glob("low*/*.index.json")).read_text())["weight_map"]
    assert index.keys() == low.keys() and set(index.values()) == {
        SHARD.format(i) for i in range(1, 7)
    }
    report = check(directory)
    assert report.ok and report.family == family
    assert report.parameters == parameters + 924_491 + 42_656  # VAE and text encoder


@pytest.mark.parametrize("family", [TI2V, T2V, I2V])
@pytest.mark.parametrize("lost", [(), (2, 5)])
def test_a_directory_without_marker_is_recognised(directory_of, tmp_path, family, lost):
    from vtb.models.wan.checkpoint import open_checkpoint

    copy = shutil.copytree(directory_of(family), tmp_path / "copy")
    (copy / "vtb_tiny.json").unlink()
    for path in [p for i in lost for p in copy.rglob(f"*model-0000{i}-of*.safetensors")]:
        path.unlink()
    assert open_checkpoint(copy).variant.family == check(copy).family == family


def test_another_family_asked_for_lists_what_that_one_lacks(directory_of):
    report = check(directory_of(TI2V), I2V)
    assert report.family == I2V and "Wan2.1_VAE.pth" in report.missing and not report.ok


@pytest.mark.parametrize("family", [T2V, I2V])
def test_the_first_transformer_is_the_high_noise_expert(pipe_of, directory_of, family):
    pipe, directory = pipe_of(family), directory_of(family)
    assert holds(pipe.dit, stored(directory, "high"))
    assert holds(pipe.dit2, stored(directory, "low"))
    assert pipe.height_division_factor == pipe.width_division_factor == 16
    assert pipe.vae.z_dim == 16 and pipe.vae.upsampling_factor == 8
    assert pipe.vae.mean[:2].tolist() == pytest.approx([-0.7571, -0.7089])
    assert not any(weight.requires_grad for weight in pipe.parameters())


@pytest.mark.parametrize("expert", ["high", "low"])
def test_one_expert_alone_is_the_pipelines_dit(directory_of, tmp_path, expert):
    copy = shutil.copytree(directory_of(I2V), tmp_path / "copy")
    other = next(folder for name, folder in FOLDERS.items() if name != expert)
    shutil.rmtree(copy / other)
    pipe = load(copy, parts=("dit",), expert=expert)
    assert holds(pipe.dit, stored(copy, expert)) and pipe.dit2 is None and pipe.vae is None
    assert load(copy, parts=("vae",), expert=expert).vae is not None
    with pytest.raises(MissingEnvironmentError, match=other):
        load(copy)


def test_a_model_with_one_transformer_has_no_expert(directory_of):
    with pytest.raises(UsageError, match="no low-noise expert"):
        load(directory_of(TI2V), expert="low")


def clip():
    return np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), dtype=np.uint8)


def encode(pipe):
    from PIL import Image

    pipe.scheduler.set_timesteps(1000, training=True)
    images = [Image.fromarray(frame) for frame in clip()]
    shared = {
        "input_video": images,
        "input_image": images[0],
        "height": 64,
        "width": 64,
        "num_frames": 17,
        "cfg_scale": 1,
        "tiled": False,
        "rand_device": "cpu",
        "cfg_merge": False,
    }
    inputs = (shared, {"prompt": "Draw the path.", "positive": True}, {})
    with torch.no_grad():
        for unit in pipe.units:
            inputs = pipe.unit_runner(unit, pipe, *inputs)
    return inputs[0] | inputs[1]


def test_clips_are_encoded_without_a_transformer(directory_of, pipe_of):
    shapes = {TI2V: (1, 48, 5, 4, 4), T2V: (1, 16, 5, 8, 8), I2V: (1, 16, 5, 8, 8)}
    for family, shape in shapes.items():
        pipe = load(directory_of(family), parts=("text_encoder", "vae"))
        assert not [name for name, _ in pipe.named_children() if "dit" in name]
        encoded = encode(pipe)
        assert encoded["input_latents"].shape == shape
        assert encoded["context"].shape == (1, 512, 32)
        assert ("first_frame_latents" in encoded) == (family == TI2V)
        assert ("y" in encoded) == (family == I2V)
        if family != TI2V:
            whole = encode(pipe_of(family))
            assert all(
                torch.equal(encoded[key], whole[key]) for key in ("input_latents", "context")
            )


def test_the_image_condition_is_a_mask_and_the_first_frame_before_grey(directory_of):
    pipe = load(directory_of(I2V), parts=("text_encoder", "vae"))
    y = encode(pipe)["y"]
    assert y.shape == (1, 20, 5, 8, 8)
    assert (y[:, :4, 0] == 1).all() and (y[:, :4, 1:] == 0).all()
    grey = torch.zeros(3, 17, 64, 64)
    grey[:, 0] = torch.from_numpy(clip()[0]).permute(2, 0, 1) / 127.5 - 1
    with torch.no_grad():
        assert torch.allclose(y[0, 4:], pipe.vae.encode([grey], device="cpu")[0], atol=1e-5)
