"""`vtb models init qwen-image…`: what is written, its bytes, and that diffusers loads all of it."""

import hashlib
import json

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

BASE, EDIT_2511 = "qwen-image", "qwen-image-edit-2511"
PIPELINES = {
    "qwen-image": "QwenImagePipeline",
    "qwen-image-edit": "QwenImageEditPipeline",
    "qwen-image-edit-2509": "QwenImageEditPlusPipeline",
    "qwen-image-edit-2511": "QwenImageEditPlusPipeline",
}
WEIGHTS = {
    "text_encoder/model.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
}
FILES = WEIGHTS | {
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "transformer/config.json",
    "vae/config.json",
    "vtb_tiny.json",
}
PROCESSOR_FILES = {
    f"processor/{name}"
    for name in (
        "chat_template.jinja",
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
    )
}


def create(family, out, seed=0):
    from vtb.models.create import create

    return create(family, "tiny", seed, out)


def contents(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def weights(directory):
    from safetensors.torch import load_file

    return {
        (file, name): weight
        for file in sorted(WEIGHTS)
        for name, weight in load_file(directory / file).items()
    }


@pytest.mark.parametrize("family", PIPELINES)
def test_layout_is_the_published_one(tiny_qwen_image, family):
    directory = tiny_qwen_image[family]
    assert set(contents(directory)) == FILES | (set() if family == BASE else PROCESSOR_FILES)
    index = json.loads((directory / "model_index.json").read_text())
    assert index["_class_name"] == PIPELINES[family]
    transformer = json.loads((directory / "transformer/config.json").read_text())
    assert transformer.get("zero_cond_t", False) == (family == EDIT_2511)


def test_same_seed_gives_the_same_bytes_and_another_seed_other_weights(tiny_qwen_image, tmp_path):
    create(EDIT_2511, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tiny_qwen_image[EDIT_2511])
    create(EDIT_2511, tmp_path / "other", seed=1)
    ours, theirs = weights(tiny_qwen_image[EDIT_2511]), weights(tmp_path / "other")
    assert ours.keys() == theirs.keys()
    assert not any((ours[name] == theirs[name]).all() for name in ours)


def test_no_weight_is_zero_or_constant_and_the_marker_counts_all(tiny_qwen_image):
    state = weights(tiny_qwen_image[BASE])
    for name, weight in state.items():
        assert weight.dtype == torch.float32 and weight.isfinite().all(), name
        assert weight.count_nonzero() == weight.numel(), name
        assert weight.numel() == 1 or weight.std() > 0, name
    marker = json.loads((tiny_qwen_image[BASE] / "vtb_tiny.json").read_text())
    assert marker["parameters"] == sum(weight.numel() for weight in state.values()) == 290_131
    assert (marker["family"], marker["preset"], marker["seed"]) == (BASE, "tiny", 0)


@pytest.mark.parametrize(
    ("part", "model"),
    [("transformer", "QwenImageTransformer2DModel"), ("vae", "AutoencoderKLQwenImage")],
)
@pytest.mark.parametrize("family", PIPELINES)
def test_diffusers_finds_every_tensor_and_no_other(tiny_qwen_image, family, part, model):
    _, found = getattr(diffusers, model).from_pretrained(
        tiny_qwen_image[family], subfolder=part, output_loading_info=True
    )
    assert {key: len(value) for key, value in found.items()} == dict.fromkeys(found, 0)
    assert {"missing_keys", "unexpected_keys", "mismatched_keys"} <= found.keys()


def test_transformers_finds_every_tensor_and_no_other(tiny_qwen_image):
    from safetensors.torch import load_file
    from transformers import Qwen2_5_VLForConditionalGeneration

    directory = tiny_qwen_image[BASE] / "text_encoder"
    model, found = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        directory, output_loading_info=True
    )
    assert {key: len(value) for key, value in found.items()} == dict.fromkeys(found, 0)
    stored = load_file(directory / "model.safetensors")
    assert torch.equal(model.lm_head.weight, stored["lm_head.weight"])
    assert torch.equal(model.get_input_embeddings().weight, stored["model.embed_tokens.weight"])


@pytest.mark.parametrize("family", PIPELINES)
def test_the_whole_pipeline_loads(tiny_qwen_image, family):
    pipe = getattr(diffusers, PIPELINES[family]).from_pretrained(tiny_qwen_image[family])
    assert type(pipe.scheduler).__name__ == "FlowMatchEulerDiscreteScheduler"
    assert (pipe.scheduler.config.shift_terminal, pipe.scheduler.config.max_shift) == (0.02, 0.9)
    assert pipe.transformer.config.zero_cond_t == (family == EDIT_2511)


def test_ids_in_the_text_encoders_configuration_are_the_tokenizers(tiny_qwen_image):
    from transformers import Qwen2Tokenizer

    directory = tiny_qwen_image[BASE]
    tokenizer = Qwen2Tokenizer.from_pretrained(directory / "tokenizer")
    config = json.loads((directory / "text_encoder/config.json").read_text())
    named = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    assert {key: tokenizer.convert_tokens_to_ids(token) for key, token in named.items()} == {
        key: config[key] for key in named
    }
    assert config["text_config"]["vocab_size"] == 448 >= len(tokenizer)
    assert config["text_config"]["eos_token_id"] == tokenizer.eos_token_id
