"""`vtb models init qwen3-vl`: what is written, its bytes and its weights."""

import hashlib
import json
import shutil

import pytest

from vtb.core.errors import UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def create(out, seed=0):
    from vtb.models.create import create

    return create("qwen3-vl", "tiny", seed, out)


def contents(directory):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


def weights(directory):
    from safetensors.torch import load_file

    return load_file(directory / "model.safetensors")


def read(directory, name):
    return json.loads((directory / name).read_text())


def test_layout_is_the_published_one_and_that_of_transformers_5(tiny_qwen3_vl):
    assert set(contents(tiny_qwen3_vl)) == {
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
        "vtb_tiny.json",
    }


def test_same_seed_gives_the_same_bytes_and_another_seed_other_matrices(tiny_qwen3_vl, tmp_path):
    create(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tiny_qwen3_vl)
    create(tmp_path / "other", seed=1)
    ours, theirs = weights(tiny_qwen3_vl), weights(tmp_path / "other")
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]) == (weight.ndim == 1), name


def test_marker_counts_every_weight_once(tiny_qwen3_vl):
    count = sum(weight.numel() for weight in weights(tiny_qwen3_vl).values())
    marker = {"family": "qwen3-vl", "preset": "tiny", "seed": 0, "parameters": 227_104}
    assert read(tiny_qwen3_vl, "vtb_tiny.json") == marker and count == 227_104


def test_matrices_are_wide_noise_norms_one_and_biases_zero(tiny_qwen3_vl):
    for name, weight in weights(tiny_qwen3_vl).items():
        assert weight.dtype == torch.float32, name
        if weight.ndim == 1:
            assert (weight == (1 if name.endswith("weight") else 0)).all(), name
            continue
        std = 0.1 if name.startswith("model.visual.") else 0.15
        assert weight.std().item() == pytest.approx(std, rel=0.06), name
        assert weight.mean().abs() < 0.1 * std, name


def test_no_two_matrices_share_noise(tiny_qwen3_vl):
    starts = [
        tuple((weight / weight.std()).flatten()[:4].round(decimals=1).tolist())
        for weight in weights(tiny_qwen3_vl).values()
        if weight.ndim > 1
    ]
    assert len(set(starts)) == len(starts) == 29


def test_transformers_finds_every_tensor_and_no_other(tiny_qwen3_vl):
    from transformers import AutoModelForImageTextToText

    model, found = AutoModelForImageTextToText.from_pretrained(
        tiny_qwen3_vl, output_loading_info=True
    )
    assert type(model).__name__ == "Qwen3VLForConditionalGeneration"
    assert model.dtype == torch.float32
    assert {key: len(value) for key, value in found.items()} == dict.fromkeys(found, 0)
    assert {"missing_keys", "unexpected_keys", "mismatched_keys"} <= found.keys()
    assert model.lm_head.weight is model.get_input_embeddings().weight


def test_mini_is_larger_and_takes_larger_pictures(tmp_path):
    from PIL import Image
    from transformers import AutoModelForImageTextToText

    from vtb.models.check import check
    from vtb.models.create import create
    from vtb.models.qwen3_vl.load import load_processor, picture_limits

    made = create("qwen3-vl", "mini", 0, tmp_path / "mini")
    assert check(tmp_path / "mini").ok and 2_500_000 < made.parameters < 5_000_000
    processor = load_processor(tmp_path / "mini")
    assert picture_limits(processor).max_tokens == 1024
    model, found = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "mini", output_loading_info=True
    )
    assert {key: len(value) for key, value in found.items()} == dict.fromkeys(found, 0)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Where?"}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    inputs = processor(text=[text], images=[Image.new("RGB", (512, 512))], return_tensors="pt")
    assert int((inputs["input_ids"] == model.config.image_token_id).sum()) == 256
    with torch.no_grad():
        assert model(**inputs).logits.isfinite().all()


def test_configuration_and_tokenizer_agree(tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor

    tokenizer = load_processor(tiny_qwen3_vl).tokenizer
    config = read(tiny_qwen3_vl, "config.json")
    named = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    assert {key: tokenizer.convert_tokens_to_ids(token) for key, token in named.items()} == {
        key: config[key] for key in named
    }
    text = config["text_config"]
    assert text["vocab_size"] == 448 and text["eos_token_id"] == tokenizer.eos_token_id
    assert text["bos_token_id"] == text["pad_token_id"] == tokenizer.pad_token_id
    generation = read(tiny_qwen3_vl, "generation_config.json")
    assert generation["eos_token_id"] == [tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert tokenizer.convert_ids_to_tokens(generation["suppress_tokens"]) == [
        "<|vision_start|>",
        "<|vision_end|>",
        "<|vision_pad|>",
        "<|image_pad|>",
        "<|video_pad|>",
    ]


def test_loading_refuses_what_transformers_would_fill_in(tiny_qwen3_vl, tmp_path):
    from safetensors.torch import save_file

    from vtb.models.qwen3_vl.load import load_model

    state, loaded = weights(tiny_qwen3_vl), load_model(tiny_qwen3_vl)
    assert not loaded.training
    assert all(torch.equal(loaded.get_parameter(name), state[name]) for name in state)
    damaged = shutil.copytree(tiny_qwen3_vl, tmp_path / "damaged")
    lacking = {name: weight for name, weight in state.items() if "k_norm" not in name}
    save_file(lacking, damaged / "model.safetensors")
    with pytest.raises(UnreadableError, match="exactly") as error:
        load_model(damaged)
    assert "2 missing" in error.value.fact and "k_norm" in error.value.fact
