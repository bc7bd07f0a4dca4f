"""`vtb models check` on whole, damaged, published and foreign Qwen-Image directories."""

import json
import shutil

import pytest

from vtb.core.errors import UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

FAMILIES = ("qwen-image", "qwen-image-edit", "qwen-image-edit-2509", "qwen-image-edit-2511")
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_qwen_image, tmp_path):
    return shutil.copytree(tiny_qwen_image["qwen-image-edit-2511"], tmp_path / "copy")


def check(directory, *args):
    from vtb.models.check import check

    return check(directory, *args)


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fresh_checkpoint_is_complete(tiny_qwen_image, family):
    report = check(tiny_qwen_image[family])
    assert report.ok and report.family == family and report.parameters == 290_131
    assert len(report.complete) == (10 if family == "qwen-image" else 13)
    assert (report.missing, report.unexpected, report.lora) == ((), (), ())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_family_is_recognised_by_class_and_zero_cond_t(tiny_qwen_image, tmp_path, family):
    unmarked = shutil.copytree(tiny_qwen_image[family], tmp_path / "unmarked")
    (unmarked / "vtb_tiny.json").unlink()
    report = check(unmarked)  # of another size than the published model
    assert report.family == family and not report.ok


def test_another_variant_is_refused_although_its_tensors_are_the_same(copy):
    with pytest.raises(UnreadableError, match="no qwen-image-edit-2509 model") as error:
        check(copy, "qwen-image-edit-2509")
    assert "`QwenImageEditPlusPipeline`, with zero_cond_t" in error.value.fact
    edit(copy / "model_index.json", _class_name="FluxPipeline")
    with pytest.raises(UnreadableError, match="`FluxPipeline`"):
        check(copy)
    (copy / "vtb_tiny.json").unlink()
    with pytest.raises(UnreadableError, match="no model of a known family"):
        check(copy)


def test_missing_files_are_listed(copy, tmp_path):
    gone = ("vae/config.json", TRANSFORMER, "tokenizer/tokenizer.json")
    for name in gone:
        (copy / name).unlink()
    assert check(copy).missing == gone
    (tmp_path / "empty").mkdir()
    assert len(check(tmp_path / "empty", "qwen-image-edit").missing) == 13
    (copy / "model_index.json").unlink()
    assert "model_index.json" in check(copy, "qwen-image-edit-2511").missing


def test_missing_extra_and_reshaped_tensors_are_listed(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / TRANSFORMER)
    del state["proj_out.bias"]
    state["img_in.weight"] = torch.ones(32, 65)
    state["foreign"] = torch.ones(2)
    save_file(state, copy / TRANSFORMER)
    report = check(copy)
    assert sorted(report.missing) == ["dit: img_in.weight [32, 64]", "dit: proj_out.bias [64]"]
    assert sorted(report.unexpected) == ["dit: foreign [2]", "dit: img_in.weight [32, 65]"]
    assert TRANSFORMER not in report.complete


def test_shards_are_found_by_their_index(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / TRANSFORMER)
    (copy / TRANSFORMER).unlink()
    names = sorted(state)
    weight_map = {}
    for number, held in enumerate((names[::2], names[1::2]), 1):
        file = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        save_file({name: state[name] for name in held}, copy / "transformer" / file)
        weight_map |= dict.fromkeys(held, file)
    index = copy / f"{TRANSFORMER}.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    report = check(copy)
    assert report.ok and "transformer/" + file in report.complete
    (copy / "transformer" / file).unlink()
    assert check(copy).missing == ("transformer/" + file,)
    index.write_text("{}")
    with pytest.raises(UnreadableError, match="damaged"):
        check(copy)


def test_the_published_tokenizer_and_processor_layouts_are_complete(copy):
    (copy / "tokenizer/tokenizer.json").unlink()
    for name in ("vocab.json", "merges.txt"):
        (copy / "tokenizer" / name).write_text("")
    (copy / "processor/processor_config.json").unlink()
    report = check(copy)
    assert report.ok
    assert {"tokenizer/merges.txt", "processor/preprocessor_config.json"} <= set(report.complete)
    (copy / "processor/preprocessor_config.json").unlink()
    assert check(copy).missing == ("processor/processor_config.json",)


def test_damaged_configurations_are_named(copy):
    (copy / "transformer/config.json").write_text("{")
    with pytest.raises(UnreadableError, match=r"transformer/config\.json"):
        check(copy)
    marker = copy / "vtb_tiny.json"
    marker.write_text(json.dumps({"family": "qwen-image-edit-2511", "parts": {}}))
    (copy / "transformer/config.json").write_text('{"zero_cond_t": true}')
    with pytest.raises(UnreadableError, match="damaged"):
        check(copy)


def write_header(path, shapes):
    """A safetensors file of bfloat16 tensors whose data is a hole: it takes no room on the disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def test_a_published_directory_is_checked_by_its_headers(copy):
    from vtb.models.qwen_image.architecture import shapes_of
    from vtb.models.qwen_image.variants import EDIT_2511

    (copy / "vtb_tiny.json").unlink()
    for part in EDIT_2511.parts:
        if part.architecture:
            write_header(copy / part.files[0], shapes_of(part))
    report = check(copy)
    assert report.ok and report.family == "qwen-image-edit-2511"
    assert report.parameters == 20_430_401_088 + 8_292_166_656 + 126_892_531
