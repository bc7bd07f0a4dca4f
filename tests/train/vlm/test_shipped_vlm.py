"""Plans of the shipped recipes: on small puzzles, and for the largest model on eight GPUs."""

import json
import math
from itertools import pairwise

import pytest

from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.models.qwen3_vl.checkpoint import processor_files
from vtb.recipe.find import shipped
from vtb.recipe.load import load
from vtb.recipe.vlm import VlmRecipe
from vtb.run.provenance import Gpu
from vtb.train.launch import resources
from vtb.train.vlm import job as jobs
from vtb.train.vlm.plan import plan_vlm

NAMES = sorted(name for name in shipped() if name.startswith("vlm/"))
# Qwen3-VL-32B as published, without what the sizes of its tensors do not depend on.
TEXT_32B = {
    "vocab_size": 151_936,
    "hidden_size": 5120,
    "intermediate_size": 25_600,
    "num_hidden_layers": 64,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
VISION_32B = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_heads": 16,
    "out_hidden_size": 5120,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [8, 16, 24],
}
GIB = 1 << 30


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Puzzles with clips, enough for a step of every recipe."""
    out = tmp_path_factory.mktemp("clips") / "set"
    task = Task.of("eyeballing-midpoint", {"canvas": (256, 256)}, {})
    build(Request([task], 0, FramePlan.of(17, 16), True, split="train"), out, 64)
    return out


@pytest.fixture(scope="module")
def model_32b(tiny_qwen3_vl, tmp_path_factory):
    """A checkpoint of 67 GB whose files are all there and whose weights take no room."""
    from vtb.models.qwen3_vl.architecture import shapes_of

    root = tmp_path_factory.mktemp("32b")
    for name in processor_files(tiny_qwen3_vl):
        (root / name).symlink_to(tiny_qwen3_vl / name)
    tiny = json.loads((tiny_qwen3_vl / "config.json").read_text())
    config = {
        **tiny,
        "tie_word_embeddings": False,
        "text_config": {**tiny["text_config"], **TEXT_32B, "tie_word_embeddings": False},
        "vision_config": {**tiny["vision_config"], **VISION_32B},
    }
    config["text_config"]["rope_parameters"]["mrope_section"] = [24, 20, 20]
    (root / "config.json").write_text(json.dumps(config))
    write_empty(root / "model.safetensors", shapes_of(config))
    return root


def write_empty(file, shapes):
    """A bf16 safetensors file of zeros that is a hole on the disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        stream.truncate(8 + len(text) + end)


@pytest.fixture
def eight_gpus(monkeypatch, tmp_path):
    """A machine with eight H200 and a large disk."""
    monkeypatch.setattr(jobs, "gpus", lambda: [Gpu("H200", 141.0)] * 8)
    usage = resources.shutil.disk_usage(tmp_path)._replace(free=10**13)
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda path: usage)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_has_a_plan_without_errors(job_of, clips, tmp_path, name):
    plan = plan_vlm(job_of(tmp_path, recipe=name, data=clips))
    assert not plan.errors
    recipe = load(VlmRecipe, name).recipe
    assert bool(plan.preflight) == (recipe.train.method == "grpo")


def shared_batch(plan):
    """The options of ms-swift's processes, which must share the batch that the plan names."""
    options = dict(pairwise(plan.argv))
    estimates = plan.estimates
    assert int(options["--per_device_train_batch_size"]) == estimates.micro_batch
    assert int(options["--gradient_accumulation_steps"]) == estimates.accum
    assert estimates.devices == int(options["--nproc-per-node"]) == 8
    assert estimates.batch == estimates.micro_batch * estimates.accum * estimates.devices
    return options


@pytest.mark.usefixtures("eight_gpus")
def test_sft_of_all_weights_of_32b_on_eight_gpus(job_of, clips, model_32b, tmp_path):
    job = job_of(tmp_path, recipe="vlm/qwen3-vl-sft-full", data=clips, model=model_32b, gpus=8)
    plan = plan_vlm(job)
    assert not plan.errors and "memory" not in {check.name for check in plan.checks}
    assert shared_batch(plan)["--deepspeed"] == "zero3"
    trained, needed = plan.estimates.trainable_parameters, plan.estimates.memory_gib
    assert 32e9 < trained < 33e9
    # Weights and gradients in bf16, float32 weights and two moments, shared by all.
    assert 16 * trained / 8 / GIB < needed < 80
    assert plan.estimates.checkpoint_bytes > 12 * trained
    assert (model_32b / "model.safetensors").stat().st_blocks * 512 < 10_000_000


@pytest.mark.usefixtures("eight_gpus")
def test_grpo_of_a_lora_of_32b_on_eight_gpus(job_of, clips, model_32b, tmp_path):
    name = "vlm/qwen3-vl-grpo-maze"
    plan = plan_vlm(job_of(tmp_path, recipe=name, data=clips, model=model_32b, gpus=8))
    assert not plan.errors and "memory" not in {check.name for check in plan.checks}
    options, generations = shared_batch(plan), 8
    # Whole groups in a step, all of whose completions are written at once.
    assert int(options["--num_generations"]) == generations
    assert plan.estimates.batch % generations == 0
    assert int(options["--steps_per_generation"]) == plan.estimates.accum
    # Rank times inputs and outputs of the seven layers: attention, then the MLP.
    sides = 2 * (5120 + 8192) + 2 * (5120 + 1024) + 3 * (5120 + 25_600)
    assert plan.estimates.trainable_parameters == 64 * 16 * sides
    # Each device has all weights in bf16, and the gradients and moments of the adapter.
    assert 66e9 / GIB < plan.estimates.memory_gib < 90


@pytest.mark.usefixtures("eight_gpus")
def test_vllm_must_have_room_for_all_weights(job_of, clips, model_32b, tmp_path):
    def warnings(*overrides):
        options = {"recipe": "vlm/qwen3-vl-grpo-maze", "data": clips, "model": model_32b, "gpus": 8}
        job = job_of(tmp_path, "rollout.engine=vllm-colocate", *overrides, **options)
        return [check.message for check in plan_vlm(job).checks if check.name == "memory"]

    assert warnings() == ["vLLM gets 56 GiB of a device, the weights alone take 62"]
    assert not warnings("rollout.memory=0.47", "train.micro_batch=1")


def test_the_published_settings_of_vtb_training():
    sft = load(VlmRecipe, "vlm/qwen3-vl-sft-maze-vtb").recipe
    assert (sft.train.target, sft.dist.strategy) == ("full", "zero3")
    assert (sft.train.lr, sft.train.epochs, sft.train.batch) == (1e-5, 1, 8 * 4)
    assert (sft.train.micro_batch, sft.train.max_length, sft.save.every) == (1, 2048, 100)
    grpo = load(VlmRecipe, "vlm/qwen3-vl-grpo-maze-vtb").recipe
    assert (grpo.lora.rank, grpo.lora.alpha, len(grpo.lora.target_modules)) == (16, 32, 7)
    assert (grpo.train.lr, grpo.train.epochs, grpo.train.batch) == (1e-6, 1, 8)
    assert (grpo.grpo.generations, grpo.grpo.max_completion) == (8, 1024)
    assert (grpo.train.max_length, grpo.rollout.memory, grpo.save.every) == (2048, 0.5, 100)
    for recipe, kind in ((sft, "sft"), (grpo, "grpo")):
        other = load(VlmRecipe, f"vlm/qwen3-vl-{kind}-eyeballing-vtb").recipe
        assert other.model_copy(update={"summary": recipe.summary}) == recipe
