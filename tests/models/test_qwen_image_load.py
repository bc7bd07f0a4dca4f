"""Loading Qwen-Image through diffsynth's own loader: all tensors or none."""

import shutil

import pytest

from vtb.core.errors import MissingEnvironmentError, UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

BASE, EDIT = "qwen-image", "qwen-image-edit"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_qwen_image, tmp_path):
    return shutil.copytree(tiny_qwen_image[EDIT], tmp_path / "copy")


def load(directory, **options):
    from vtb.models.qwen_image.load import load_pipeline

    return load_pipeline(directory, **options)


def test_every_part_is_loaded_frozen_with_the_files_values(tiny_qwen_image):
    from safetensors.torch import load_file

    pipe = load(tiny_qwen_image[EDIT])
    models = (pipe.dit, pipe.text_encoder, pipe.vae)
    assert not any(model.training for model in models)
    assert not any(weight.requires_grad for weight in pipe.parameters())
    assert pipe.tokenizer is not None and pipe.processor is not None
    state = pipe.dit.state_dict()
    stored = load_file(tiny_qwen_image[EDIT] / TRANSFORMER)
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[name], weight) for name, weight in stored.items())
    norm = load_file(tiny_qwen_image[EDIT] / "text_encoder/model.safetensors")["model.norm.weight"]
    assert torch.equal(pipe.text_encoder.model.language_model.norm.weight, norm)


def test_only_the_wanted_parts_are_loaded_and_registered_once(copy):
    from diffsynth.configs import MODEL_CONFIGS

    from vtb.models.qwen_image.checkpoint import open_checkpoint

    shutil.rmtree(copy / "text_encoder")
    shutil.rmtree(copy / "processor")
    for _ in range(2):
        pipe = load(copy, parts=("dit", "vae"))
    assert pipe.text_encoder is None and pipe.tokenizer is None and pipe.processor is None
    assert pipe.dit is not None and pipe.vae is not None
    structure = open_checkpoint(copy).part("dit").structure_hash
    assert [entry["model_hash"] for entry in MODEL_CONFIGS].count(structure) == 1


def test_a_text_to_image_model_needs_no_processor(tiny_qwen_image):
    pipe = load(tiny_qwen_image[BASE], parts=("text_encoder",))
    assert pipe.processor is None and pipe.tokenizer is not None and pipe.dit is None


def test_prints_go_to_the_log_and_not_to_stdout(tiny_qwen_image, tmp_path, capfd):
    load(tiny_qwen_image[BASE], parts=("vae",), log=tmp_path / "log.txt")
    assert capfd.readouterr() == ("", "")
    assert "qwen_image_vae" in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize(
    "file", [TRANSFORMER, "tokenizer/tokenizer.json", "processor/processor_config.json"]
)
def test_a_missing_file_is_named(copy, file):
    (copy / "processor/preprocessor_config.json").unlink()
    (copy / file).unlink()
    with pytest.raises(MissingEnvironmentError) as error:
        load(copy)
    assert file in error.value.message and "vtb models init qwen-image-edit" in error.value.hint


def test_a_missing_directory_and_foreign_ones_are_refused(tmp_path, tiny_qwen3_vl, copy):
    with pytest.raises(MissingEnvironmentError, match="does not exist"):
        load(tmp_path / "none")
    with pytest.raises(UnreadableError, match=r"no Qwen-Image model.*no model_index\.json"):
        load(tiny_qwen3_vl)
    (copy / "vtb_tiny.json").unlink()  # then it has to be the published model
    with pytest.raises(UnreadableError, match="0319a1cb19835fb510907dd3367c95ff"):
        load(copy)


@pytest.mark.parametrize("change", ["missing", "unexpected", "reshaped"])
@pytest.mark.parametrize(
    ("file", "name"),
    [
        (TRANSFORMER, "img_in.weight"),
        ("text_encoder/model.safetensors", "visual.merger.mlp.0.weight"),
        ("vae/diffusion_pytorch_model.safetensors", "quant_conv.weight"),
    ],
)
def test_other_tensors_are_refused_before_loading(copy, file, name, change):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / file)
    if change == "missing":
        del state[name]
    elif change == "unexpected":
        name = "foreign"
        state[name] = torch.ones(2)
    else:
        state[name] = torch.ones(3)
    save_file(state, copy / file)
    with pytest.raises(UnreadableError) as error:
        load(copy)
    assert f"missing, unexpected or reshaped tensors (1): {name};" in error.value.fact
    assert "vtb models check" in error.value.hint


def test_every_variant_makes_a_picture(tiny_qwen_image):
    import numpy as np
    from PIL import Image

    from vtb.models.qwen_image.variants import VARIANTS

    draw = np.random.default_rng(0)
    reference = Image.fromarray(draw.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    forms = {"none": None, "one": reference, "list": [reference]}
    made = {}
    for family, variant in VARIANTS.items():
        picture = load(tiny_qwen_image[family])(
            "Draw the path",
            edit_image=forms[variant.references],
            edit_image_auto_resize=False,
            zero_cond_t=variant.zero_cond_t,
            height=64,
            width=64,
            num_inference_steps=2,
            cfg_scale=1.0,
            seed=0,
            progress_bar_cmd=iter,
        )
        made[family] = np.asarray(picture)
    assert all(picture.shape == (64, 64, 3) for picture in made.values())
    assert len({picture.tobytes() for picture in made.values()}) == 4
