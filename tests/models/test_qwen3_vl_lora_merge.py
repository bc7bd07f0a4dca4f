"""Merging PEFT adapters into a Qwen3-VL checkpoint."""

import json
import shutil
from pathlib import Path

import pytest

from vtb.core.errors import ConflictError, UnreadableError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

WEIGHTS, RECORD = "model.safetensors", "vtb_merge.json"
ADAPTER, CONFIG = "adapter_model.safetensors", "adapter_config.json"
TEXT = "model.language_model.layers.0"


def load(directory):
    from vtb.models.qwen3_vl.load import load_model

    return load_model(directory)


def merge(adapters, model, out, weights=None, **options):
    from vtb.models.families import load as family

    weights = weights or [1.0] * len(adapters)
    return family("qwen3-vl").merge_loras(adapters, weights, model, out, **options)


def tensors(path):
    from safetensors.torch import load_file

    return load_file(path)


def save(state, path):
    from safetensors.torch import save_file

    save_file(state, path, metadata={"format": "pt"})


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(scope="module")
def logits(tiny_qwen3_vl):
    """A function: what a model says to a question with a picture."""
    from PIL import Image

    from vtb.models.qwen3_vl.load import load_processor

    picture = {"type": "image", "image": Image.linear_gradient("L").convert("RGB")}
    turn = {"role": "user", "content": [picture, {"type": "text", "text": "Which way?"}]}
    inputs = load_processor(tiny_qwen3_vl).apply_chat_template(
        [turn], tokenize=True, return_dict=True, return_tensors="pt"
    )

    def compute(model):
        with torch.no_grad():
            return model.eval()(**inputs).logits

    return compute


@pytest.fixture(scope="module")
def trained(tiny_qwen3_vl, tmp_path_factory):
    """Makes a random adapter of all linear layers with peft; gives its directory and the model."""
    peft = pytest.importorskip("peft")

    def make(seed, **more):
        torch.manual_seed(seed)
        config = peft.LoraConfig(
            target_modules="all-linear", init_lora_weights=False, lora_alpha=8, **more
        )
        model = peft.get_peft_model(load(tiny_qwen3_vl), config)
        directory = tmp_path_factory.mktemp("adapter")
        model.save_pretrained(directory)
        return directory, model

    return make


@pytest.fixture(scope="module")
def one(trained):
    return trained(0, r=4, alpha_pattern={"q_proj": 12}, rank_pattern={"down_proj": 3})


@pytest.fixture
def adapter(one, tmp_path):
    """A copy of the adapter, to be changed."""
    return shutil.copytree(one[0], tmp_path / "adapter")


@pytest.fixture
def copy(tiny_qwen3_vl, tmp_path):
    return shutil.copytree(tiny_qwen3_vl, tmp_path / "base")


def test_the_merged_model_says_what_base_and_adapter_say(tiny_qwen3_vl, tmp_path, one, logits):
    from vtb.models.check import check

    directory, model = one
    made = merge([directory], tiny_qwen3_vl, tmp_path / "m")
    assert made.is_new and made.family == "qwen3-vl"
    assert made.layers == (26,) and made.warnings == ()
    assert check(tmp_path / "m").ok
    merged, plain = logits(load(tmp_path / "m")), logits(load(tiny_qwen3_vl))
    torch.testing.assert_close(merged, logits(model), rtol=1e-4, atol=1e-4)
    assert (merged - plain).abs().max() > 1


def test_its_weights_are_those_of_an_adapter_added_for_inference(tiny_qwen3_vl, tmp_path, one):
    from vtb.models.qwen3_vl.load import add_adapter

    model = load(tiny_qwen3_vl)
    add_adapter(model, tiny_qwen3_vl, one[0])
    merge([one[0] / ADAPTER], tiny_qwen3_vl, tmp_path / "m")
    for name, weight in load(tmp_path / "m").state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name


def test_several_adapters_are_merged_each_with_its_weight(tiny_qwen3_vl, tmp_path, one, trained):
    adapters = [one[0], trained(1, r=2)[0]]
    made = merge(adapters, tiny_qwen3_vl, tmp_path / "both", [0.5, -1.5])
    assert made.layers == (26, 26)
    merge(adapters[1:], tiny_qwen3_vl, tmp_path / "half", [-1.5])
    made = merge(adapters[:1], tmp_path / "half", tmp_path / "whole", [0.5])
    assert len(made.warnings) == 1 and "made on other weights" in made.warnings[0]
    both, whole = (tensors(tmp_path / name / WEIGHTS) for name in ("both", "whole"))
    assert {*both} == {*whole}
    for name, weight in both.items():
        torch.testing.assert_close(weight, whole[name], rtol=0, atol=1e-6)


def test_layout_shards_and_dtype_stay(copy, tmp_path, adapter):
    from vtb.models.check import check
    from vtb.models.qwen3_vl.adapter import read_adapter

    base = {name: tensor.to(torch.bfloat16) for name, tensor in tensors(copy / WEIGHTS).items()}
    (copy / WEIGHTS).unlink()
    text = {name for name in base if name.startswith("model.language_model.layers")}
    shards = {"a.safetensors": text, "b.safetensors": {*base} - text}
    for file, names in shards.items():
        save({name: base[name] for name in names}, copy / file)
    weight_map = {name: file for file, names in shards.items() for name in names}
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    kept = {name: t for name, t in tensors(adapter / ADAPTER).items() if "language_model" in name}
    save(kept, adapter / ADAPTER)
    before = contents(copy)
    merge([adapter], copy, tmp_path / "m")

    after = contents(tmp_path / "m")
    assert contents(copy) == before and {*after} == {*before, RECORD}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"a.safetensors", "vtb_tiny.json"} and check(tmp_path / "m").ok
    assert (tmp_path / "m/b.safetensors").samefile(copy / "b.safetensors")
    pairs = read_adapter(adapter / ADAPTER).pairs
    for name, weight in tensors(tmp_path / "m/a.safetensors").items():
        pair = pairs.get(name.removesuffix(".weight"))
        summed = base[name] if pair is None else base[name].float() + pair.product()
        assert weight.dtype == torch.bfloat16 and torch.equal(weight, summed.to(torch.bfloat16))


def test_the_processor_is_the_one_that_the_adapter_was_trained_with(
    tiny_qwen3_vl, tmp_path, adapter
):
    from vtb.models.qwen3_vl.load import load_processor, picture_limits
    from vtb.models.qwen3_vl.pictures import PictureLimits
    from vtb.models.qwen3_vl.processor import save_processor

    limits = PictureLimits(4, 16)
    save_processor(load_processor(tiny_qwen3_vl, limits), adapter)
    merge([adapter], tiny_qwen3_vl, tmp_path / "m")
    assert picture_limits(load_processor(tmp_path / "m")) == limits
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        *(path.name for path in tiny_qwen3_vl.iterdir()),
        RECORD,
    }


def test_merging_again_does_nothing_and_other_results_are_kept(tiny_qwen3_vl, tmp_path, adapter):
    out = tmp_path / "m"
    merge([adapter], tiny_qwen3_vl, out)
    before = contents(out)
    assert not merge([adapter], tiny_qwen3_vl, out).is_new
    edit(adapter / CONFIG, lora_alpha=9)
    with pytest.raises(ConflictError, match="config_sha256"):
        merge([adapter], tiny_qwen3_vl, out)
    assert contents(out) == before
    assert merge([adapter], tiny_qwen3_vl, out, force=True).is_new
    assert contents(out)[WEIGHTS] != before[WEIGHTS]
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(ConflictError, match="not empty"):
        merge([adapter], tiny_qwen3_vl, tmp_path / "full", force=True)
    with pytest.raises(UsageError, match="own directory"):
        merge([adapter], tiny_qwen3_vl, tiny_qwen3_vl / "merged")


def test_a_failure_leaves_nothing_and_keeps_what_was_there(
    tiny_qwen3_vl, tmp_path, adapter, monkeypatch
):
    from vtb.models.lora import merged

    def fail(source, target):
        raise KeyboardInterrupt

    merge([adapter], tiny_qwen3_vl, tmp_path / "old")
    before = contents(tmp_path / "old")
    monkeypatch.setattr(merged, "link_missing", fail)  # the weights are written by then
    for name, weight in (("new", 1.0), ("old", 0.5)):
        with pytest.raises(KeyboardInterrupt):
            merge([adapter], tiny_qwen3_vl, tmp_path / name, [weight], force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "old"}
    assert contents(tmp_path / "old") == before


def test_the_marker_says_that_no_seed_makes_it(tiny_qwen3_vl, tmp_path, adapter):
    from vtb.models.create import create

    merge([adapter], tiny_qwen3_vl, tmp_path / "m")
    assert json.loads((tmp_path / "m/vtb_tiny.json").read_text())["seed"] is None
    with pytest.raises(ConflictError):
        create("qwen3-vl", "tiny", 0, tmp_path / "m")


def test_an_adapter_of_another_model_is_not_merged(tiny_qwen3_vl, tmp_path, adapter):
    state = tensors(adapter / ADAPTER)
    prefix = f"base_model.model.{TEXT}.self_attn.q_proj.lora"
    wrong = {
        "match nothing": {f"{prefix}_A.weight": torch.ones(4, 65)},
        "lm_head": {
            "base_model.model.lm_head.lora_A.weight": torch.ones(4, 64),
            "base_model.model.lm_head.lora_B.weight": torch.ones(448, 4),
        },
        "q_proj.weight": {f"base_model.model.{TEXT}.self_attn.q_proj.weight": torch.ones(64, 64)},
        "change nothing": {f"{prefix}_B.weight": torch.zeros(64, 4)},
    }
    for reason, tensor in wrong.items():
        save(state | tensor, adapter / ADAPTER)
        with pytest.raises(UnreadableError, match=reason):
            merge([adapter], tiny_qwen3_vl, tmp_path / "m")
    save(state, adapter / ADAPTER)
    with pytest.raises(UsageError, match="no experts"):
        merge([adapter], tiny_qwen3_vl, tmp_path / "m", expert="high")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"use_rslora": True},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"init_lora_weights": "pissa_niter_4"},
    ],
)
def test_what_is_more_than_plain_lora_is_refused(tiny_qwen3_vl, tmp_path, adapter, setting):
    edit(adapter / CONFIG, **setting)
    with pytest.raises(UnreadableError, match="no plain LoRA") as error:
        merge([adapter], tiny_qwen3_vl, tmp_path / "m")
    assert next(iter(setting)) in error.value.fact and "peft" in error.value.hint


def test_a_base_that_is_not_whole_or_quantised_is_refused(copy, tmp_path, adapter):
    state = tensors(copy / WEIGHTS)
    (copy / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    with pytest.raises(UnreadableError, match=r"no whole qwen3-vl.*tokenizer\.json"):
        merge([adapter], copy, tmp_path / "m")
    (tmp_path / "tokenizer.json").rename(copy / "tokenizer.json")
    save({name: tensor.to(torch.float8_e4m3fn) for name, tensor in state.items()}, copy / WEIGHTS)
    with pytest.raises(UnreadableError, match="quantised"):
        merge([adapter], copy, tmp_path / "m")
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "base"}
