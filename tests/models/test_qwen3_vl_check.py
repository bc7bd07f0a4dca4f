"""`vtb models check` on whole, damaged and foreign Qwen3-VL directories, and on adapters."""

import json
import shutil

import pytest

from vtb.core.errors import UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

WEIGHTS = "model.safetensors"
ADAPTER = "adapter_model.safetensors"
Q = "model.language_model.layers.0.self_attn.q_proj"
QKV = "model.visual.blocks.1.attn.qkv"


@pytest.fixture
def copy(tiny_qwen3_vl, tmp_path):
    return shutil.copytree(tiny_qwen3_vl, tmp_path / "copy")


def check(directory, *args):
    from vtb.models.check import check

    return check(directory, *args)


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_fresh_checkpoint_is_complete(tiny_qwen3_vl):
    report = check(tiny_qwen3_vl)
    assert report.ok and report.family == "qwen3-vl" and report.parameters == 227_104
    assert (report.missing, report.unexpected) == ((), ())
    assert report.complete == (
        "config.json",
        "generation_config.json",
        WEIGHTS,
        "tokenizer.json",
        "tokenizer_config.json",
        "processor_config.json",
        "chat_template.jinja",
    )


def test_the_family_is_recognised_by_config_json(copy):
    (copy / "vtb_tiny.json").unlink()
    assert check(copy).family == "qwen3-vl" and check(copy).ok
    edit(copy / "config.json", model_type="qwen2_vl")
    with pytest.raises(UnreadableError, match="no model of a known family"):
        check(copy)
    with pytest.raises(UnreadableError, match="no Qwen3-VL model") as error:
        check(copy, "qwen3-vl")
    assert "`qwen2_vl`" in error.value.fact


def test_the_published_layout_is_complete(copy):
    (copy / "processor_config.json").unlink()
    (copy / "chat_template.jinja").rename(copy / "chat_template.json")
    report = check(copy)
    assert report.ok and "video_preprocessor_config.json" in report.complete
    (copy / "video_preprocessor_config.json").unlink()
    assert check(copy).missing == ("processor_config.json",)


def test_shards_are_found_by_their_index(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / WEIGHTS)
    (copy / WEIGHTS).unlink()
    names = sorted(state)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in shards.items():
        save_file({name: state[name] for name in held}, copy / file)
    weight_map = {name: file for file, held in shards.items() for name in held}
    index = copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    assert check(copy).ok and check(copy).parameters == 227_104
    (copy / "b.safetensors").unlink()
    assert check(copy).missing == ("b.safetensors",)
    index.write_text("{}")
    with pytest.raises(UnreadableError, match="damaged"):
        check(copy)


def test_missing_files_are_listed(copy, tmp_path):
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        (copy / name).unlink()
    expected = ("config.json", "tokenizer.json", "chat_template.jinja")
    assert check(copy).missing == expected
    (tmp_path / "empty").mkdir()
    assert len(check(tmp_path / "empty", "qwen3-vl").missing) == 7


def test_missing_extra_and_reshaped_tensors_are_listed(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / WEIGHTS)
    del state["model.visual.merger.norm.bias"]
    state[f"{Q}.weight"] = torch.ones(64, 65)
    state["foreign"] = torch.ones(2)
    save_file(state, copy / WEIGHTS)
    report = check(copy)
    assert sorted(report.missing) == [
        f"model: {Q}.weight [64, 64]",
        "model: model.visual.merger.norm.bias [32]",
    ]
    assert sorted(report.unexpected) == ["model: foreign [2]", f"model: {Q}.weight [64, 65]"]
    assert WEIGHTS not in report.complete and not report.ok


def test_another_configuration_asks_for_other_tensors(copy):
    config = json.loads((copy / "config.json").read_text())
    edit(copy / "config.json", text_config=config["text_config"] | {"num_hidden_layers": 3})
    assert len(check(copy).missing) == 11
    edit(copy / "config.json", tie_word_embeddings=False)
    assert "model: lm_head.weight [448, 64]" in check(copy).missing


def test_damaged_files_are_named(copy):
    data = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(data[:-1])
    with pytest.raises(UnreadableError, match=r"model\.safetensors"):
        check(copy)
    (copy / WEIGHTS).write_bytes(data)
    edit(copy / "config.json", text_config={"hidden_size": "wide"})
    with pytest.raises(UnreadableError, match=r"config\.json"):
        check(copy)
    (copy / "config.json").write_text("{")
    with pytest.raises(UnreadableError, match=r"config\.json"):
        check(copy)


@pytest.fixture(scope="module")
def peft_adapter(tiny_qwen3_vl, tmp_path_factory):
    """An adapter of all linear layers as peft saves it before training: no layer does anything."""
    peft = pytest.importorskip("peft")
    from vtb.models.qwen3_vl.load import load_model

    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", alpha_pattern={"q_proj": 12}
    )
    directory = tmp_path_factory.mktemp("peft")
    peft.get_peft_model(load_model(tiny_qwen3_vl), config).save_pretrained(directory)
    return directory


def adapter(directory, updates, alpha=4):
    """Writes rank-2 updates, given as (inputs, outputs, value) by layer."""
    from safetensors.torch import save_file

    directory.mkdir()
    tensors = {}
    for module, (inputs, outputs, value) in updates.items():
        prefix = f"base_model.model.{module}"
        tensors[f"{prefix}.lora_A.weight"] = torch.ones(2, inputs)
        tensors[f"{prefix}.lora_B.weight"] = torch.full((outputs, 2), float(value))
    save_file(tensors, directory / ADAPTER, metadata={"format": "pt"})
    (directory / "adapter_config.json").write_text(json.dumps({"lora_alpha": alpha}))
    return directory


def test_an_adapter_of_peft_fits(tiny_qwen3_vl, peft_adapter):
    (lora,) = check(tiny_qwen3_vl, None, [peft_adapter]).lora
    assert lora.file == peft_adapter / ADAPTER
    # 7 matrices in each of 2 text layers, 4 in each of 2 vision layers, 2 in each of 2 mergers
    assert lora.matched == len(lora.zero) == 26 and lora.unmatched == ()
    assert (lora.ranks, lora.alphas, lora.layout) == ((4,), (8.0, 12.0), "peft")
    assert not lora.ok  # untrained: it would change nothing


def test_adapters_are_compared_layer_by_layer(tiny_qwen3_vl, tmp_path):
    fits = {Q: (64, 64, 1), QKV: (32, 96, 0)}
    good = adapter(tmp_path / "good", fits)
    wrong = {Q.replace("layers.0", "layers.7"): (64, 64, 1), f"{QKV}x": (32, 96, 1)}
    bad = adapter(tmp_path / "bad", fits | wrong)
    reshaped = adapter(tmp_path / "reshaped", {Q: (64, 32, 1)})
    report = check(tiny_qwen3_vl, None, [good / ADAPTER, bad, reshaped])
    assert [(lora.matched, lora.unmatched, lora.zero) for lora in report.lora] == [
        (2, (), (QKV,)),
        (2, tuple(sorted(wrong)), (QKV,)),
        (0, (Q,), ()),
    ]
    assert [lora.ok for lora in report.lora] == [True, False, False]
    assert report.lora[0].ranks == (2,) and report.lora[0].alphas == (4.0,)
    assert not report.ok and check(tiny_qwen3_vl, None, [good]).ok


def test_what_is_no_adapter_is_refused(tiny_qwen3_vl, tmp_path):
    def refused(path, reason):
        with pytest.raises(UnreadableError, match=reason):
            check(tiny_qwen3_vl, None, [path])

    good = adapter(tmp_path / "good", {Q: (64, 64, 1)})
    for name in (WEIGHTS, "config.json"):
        shutil.copy(tiny_qwen3_vl / name, good)
    refused(good / "config.json", "no safetensors file")
    refused(good / WEIGHTS, "no LoRA adapter")
    refused(tmp_path, "no safetensors file")
    refused(adapter(tmp_path / "none", {}), "no LoRA adapter")
    refused(adapter(tmp_path / "alpha", {Q: (64, 64, 1)}, alpha=None), "damaged")
    (good / "adapter_config.json").unlink()
    refused(good, "adapter_config.json")
