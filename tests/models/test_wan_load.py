"""Loading through diffsynth's own loader."""

import json
import shutil

import pytest

from vtb.core.errors import MissingEnvironmentError, UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")


@pytest.fixture
def copy(tiny_wan, tmp_path):
    return shutil.copytree(tiny_wan, tmp_path / "copy")


def load(directory, **options):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(directory, **options)


def test_every_part_is_loaded_frozen_and_with_the_real_flags(tiny_pipe, tiny_wan):
    from safetensors.torch import load_file

    dit = tiny_pipe.dit
    assert dit.seperated_timestep and dit.fuse_vae_embedding_in_latents
    assert not dit.require_vae_embedding and not dit.require_clip_embedding
    assert tiny_pipe.height_division_factor == 32
    assert tiny_pipe.dit2 is None
    assert not any(weight.requires_grad for weight in tiny_pipe.parameters())
    shard = load_file(tiny_wan / "diffusion_pytorch_model-00001-of-00003.safetensors")
    state = dit.state_dict()
    assert all(torch.equal(state[name], weight) for name, weight in shard.items())


def test_latent_constants_are_those_of_the_published_vae(tiny_pipe):
    vae = tiny_pipe.vae
    assert vae.z_dim == 48 and vae.upsampling_factor == 16
    assert vae.mean.shape == vae.std.shape == (48,)
    assert vae.mean[:2].tolist() == pytest.approx([-0.2289, -0.0052])
    assert torch.allclose(vae.scale[1], 1 / vae.std)


def test_prints_go_to_the_log_and_not_to_stdout(tiny_wan, tmp_path, capfd):
    load(tiny_wan, parts=("vae",), log=tmp_path / "log.txt")
    assert capfd.readouterr() == ("", "")
    assert "wan_video_vae" in (tmp_path / "log.txt").read_text()


def test_only_the_wanted_parts_are_loaded_and_registered_once(copy):
    from diffsynth.configs import MODEL_CONFIGS

    from vtb.models.wan.checkpoint import open_checkpoint

    for file in ("models_t5_umt5-xxl-enc-bf16.pth", "google/umt5-xxl/tokenizer.json"):
        (copy / file).unlink()
    pipe = load(copy, parts=("dit", "vae"))
    assert pipe.text_encoder is None and pipe.tokenizer is None
    assert pipe.dit is not None and pipe.vae is not None
    load(copy, parts=("dit", "vae"))
    structure = open_checkpoint(copy).part("vae").structure_hash
    assert [entry["model_hash"] for entry in MODEL_CONFIGS].count(structure) == 1


@pytest.mark.parametrize(
    "file",
    [
        "diffusion_pytorch_model-00002-of-00003.safetensors",
        "Wan2.2_VAE.pth",
        "google/umt5-xxl/tokenizer.json",
    ],
)
def test_a_missing_file_is_named(copy, file):
    (copy / file).unlink()
    with pytest.raises(MissingEnvironmentError) as error:
        load(copy)
    assert file in error.value.message
    assert "vtb models init wan2.2-ti2v-5b" in error.value.hint


def test_a_missing_directory_and_a_foreign_marker(tmp_path, copy):
    with pytest.raises(MissingEnvironmentError, match="does not exist"):
        load(tmp_path / "none")
    marker = copy / "vtb_tiny.json"
    marker.write_text(json.dumps({"family": "qwen3-vl"}))
    with pytest.raises(UnreadableError, match="qwen3-vl"):
        load(copy)
    marker.write_text(json.dumps({"family": "wan2.2-ti2v-5b", "parts": {}}))
    with pytest.raises(UnreadableError, match="damaged"):
        load(copy)


def test_another_structure_is_refused_before_loading(copy):
    torch.save({"conv1.weight": torch.ones(3)}, copy / "Wan2.2_VAE.pth")
    with pytest.raises(UnreadableError) as error:
        load(copy)
    assert "vae" in error.value.message and "vtb models check" in error.value.hint


def test_without_a_marker_the_tiny_files_are_not_the_published_model(copy):
    (copy / "vtb_tiny.json").unlink()
    with pytest.raises(UnreadableError, match="1f5ab7703c6fc803fdded85ff040c316"):
        load(copy)
