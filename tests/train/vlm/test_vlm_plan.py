"""Jobs, preflight and plans of vision-language trainings; nothing is trained."""

import json
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import pyarrow.parquet as pq
import pytest
from PIL import Image

from vtb.core.errors import MissingEnvironmentError, UsageError
from vtb.data.store import open_dataset
from vtb.models.qwen3_vl.pictures import PictureLimits
from vtb.run.provenance import Gpu
from vtb.train.launch.cluster import Cluster
from vtb.train.vlm import preflight, questions
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.estimate import GIB, Size, memory_gib
from vtb.train.vlm.layers import lora_layers, trainable_parameters
from vtb.train.vlm.plan import plan_vlm
from vtb.train.vlm.swift import plan as swift_plan
from vtb.train.vlm.trl import plan as trl_plan

SFT, GRPO = "vlm/qwen3-vl-tiny-sft", "vlm/qwen3-vl-tiny-grpo"
H200 = Gpu("H200", 141.0)


def found(job):
    return {check.name: check for check in plan_vlm(job).checks}


def error(job, name):
    check = found(job)[name]
    assert check.level == "error"
    return check


def shapes_of(job):
    from vtb.models.structure import read_shapes

    return read_shapes(job.weights)


@pytest.mark.parametrize("recipe", [SFT, GRPO])
def test_a_shipped_recipe_has_nothing_against_it(job_of, tmp_path, recipe):
    plan = plan_vlm(job_of(tmp_path, recipe=recipe))
    assert plan.checks == ()
    assert plan.argv[1:5] == ("-m", "vtb.train.vlm", "train", str(tmp_path))
    assert plan.env["CUDA_VISIBLE_DEVICES"] == ""
    assert bool(plan.preflight) == (recipe == GRPO)


def test_the_length_of_the_schedule(job_of, tmp_path):
    assert job_of(tmp_path).steps == 120
    epochs = ("train.steps=0", "train.epochs=3")
    assert job_of(tmp_path, *epochs).steps == 15
    # Of 50 puzzles eight completions each, 64 in a step.
    assert job_of(tmp_path, *epochs, recipe=GRPO).steps == 19
    assert job_of(tmp_path, max_steps=7).stop_at == 7


def test_a_child_reads_what_it_is_told(job_of, tmp_path):
    arguments = VlmChildArguments.of(job_of(tmp_path, max_steps=9), "preflight")
    assert VlmChildArguments.parse(arguments.module_words()[1:]) == arguments


@pytest.mark.parametrize(
    ("override", "is_free"),
    [
        ("train.lr=1e-5", False),
        ("train.micro_batch=5", True),
        ("rollout.memory=0.5", True),
        ("preflight.prompts=0", True),
        ("dist.strategy=zero2", True),
        ("rollout.engine=vllm-colocate", False),
    ],
)
def test_what_decides_the_result_is_a_setting(job_of, tmp_path, override, is_free):
    changed = job_of(tmp_path, override).settings
    assert (changed == job_of(tmp_path).settings) == is_free


def test_inputs_that_are_not_there(job_of, tmp_path, squares):
    with pytest.raises(MissingEnvironmentError, match="does not exist"):
        job_of(tmp_path, model=tmp_path / "none")
    with pytest.raises(UsageError, match="`square` to train on") as caught:
        job_of(tmp_path, 'data.tasks=["square"]')
    assert "squares" in caught.value.hint
    with pytest.raises(UsageError, match="no vision-language model"):
        job_of(tmp_path, "model.family=wan2.2-ti2v-5b")


def test_a_batch_that_cannot_be_shared(job_of, tmp_path):
    check = error(job_of(tmp_path, "train.batch=15"), "batch")
    assert "train.batch=10" in check.hint
    groups = ("train.batch=60", "train.micro_batch=6")
    check = error(job_of(tmp_path, *groups, recipe=GRPO), "batch")
    assert check.hint == "-s train.batch=48 or -s train.batch=72"
    check = error(job_of(tmp_path, "train.batch=512", recipe=GRPO), "batch")
    assert "asks 64 puzzles, and there are 50" in check.message
    assert check.hint == "-s train.batch=384"


def test_a_batch_is_shared_by_all_devices(job_of, tmp_path):
    job = replace(job_of(tmp_path, "train.micro_batch=5"), cluster=Cluster(3))
    assert "on each of 3 devices" in error(job, "batch").message
    estimates = plan_vlm(replace(job, cluster=Cluster(2))).estimates
    assert (estimates.micro_batch, estimates.accum, estimates.devices) == (5, 1, 2)


def test_lengths_are_those_of_the_real_input(job_of, tmp_path, squares, tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor

    longest = questions.measure(job_of(tmp_path))
    processor = load_processor(tiny_qwen3_vl)
    [sample] = open_dataset(squares).samples("train", limit=1)
    turn = [{"type": "image"}, {"type": "text", "text": sample.prompts["vlm"]}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": turn}], add_generation_prompt=True
    )
    ids = processor(text=[text], images=[sample.puzzle])["input_ids"][0]
    assert longest.question == len(ids)
    answer = f"<answer>{sample.answer}</answer><|im_end|>\n"
    assert longest.answer == len(processor.tokenizer(answer)["input_ids"])
    assert longest.sample == longest.question + longest.answer


def test_larger_pictures_take_more_tokens(job_of, tmp_path):
    small = questions.measure(job_of(tmp_path)).question
    grown = questions.measure(job_of(tmp_path, "data.image_min_tokens=16")).question
    assert grown - small == 12


def test_samples_that_are_too_long(job_of, tmp_path):
    longest = questions.measure(job_of(tmp_path))
    assert not found(job_of(tmp_path, f"train.max_length={longest.sample}"))
    check = error(job_of(tmp_path, f"train.max_length={longest.sample - 1}"), "max_length")
    assert f"train.max_length={longest.sample}" in check.hint
    least = longest.question + 24
    assert not found(job_of(tmp_path, f"train.max_length={least}", recipe=GRPO))
    error(job_of(tmp_path, f"train.max_length={least - 1}", recipe=GRPO), "max_length")


def test_completions_have_room_for_the_answer(job_of, tmp_path):
    least = questions.measure(job_of(tmp_path)).answer + preflight.SPARE_TOKENS
    assert not found(job_of(tmp_path, f"grpo.max_completion={least}", recipe=GRPO))
    short = job_of(tmp_path, f"grpo.max_completion={least - 1}", recipe=GRPO)
    assert error(short, "max_completion").hint == f"-s grpo.max_completion={least}"


def test_values_that_do_not_go_together(job_of, tmp_path):
    misspelt = job_of(tmp_path, "train.target=lora", 'lora.target_modules=["q_prj"]')
    assert error(misspelt, "target_modules").hint == "did you mean `q_proj`?"
    error(job_of(tmp_path, "data.image_max_tokens=3"), "pictures")
    nothing = ("reward.correct=0", "reward.format=0")
    error(job_of(tmp_path, *nothing, recipe=GRPO), "reward")
    assert not found(job_of(tmp_path, *nothing))  # nobody rewards SFT
    assert found(job_of(tmp_path, "reward.compat=1", recipe=GRPO))["reward"].level == "warning"
    slow = ("train.target=lora", "train.lr=1e-6")
    assert found(job_of(tmp_path, *slow, recipe=GRPO))["lr"].level == "warning"
    assert not found(job_of(tmp_path, *slow))


def test_what_trl_does_not_do(job_of, tmp_path):
    check = error(job_of(tmp_path, "rollout.engine=vllm-colocate", recipe=GRPO), "rollout")
    assert "--backend ms-swift" in check.hint
    error(job_of(tmp_path, "dist.strategy=zero3"), "strategy")
    dynamic = "grpo.dynamic_sample=true"
    check = error(job_of(tmp_path, dynamic, recipe=GRPO), "dynamic_sample")
    assert "--backend ms-swift" in check.hint
    assert not found(job_of(tmp_path, dynamic))  # nobody samples for SFT
    assert not found(job_of(tmp_path, dynamic, "train.backend=ms-swift", recipe=GRPO))
    [lacking] = trl_plan.checks(job_of(tmp_path), installed=lambda name: name != "peft")
    assert lacking.is_environment and "peft" in lacking.message


def test_ms_swift_is_started_as_a_module_and_goes_on_from_the_newest_checkpoint(job_of, tmp_path):
    plan = plan_vlm(job_of(tmp_path, "train.backend=ms-swift", recipe=GRPO))
    assert (
        plan.argv[1:3] == ("-m", "swift.cli.rlhf") and "--resume_from_checkpoint" not in plan.argv
    )
    options = dict(pairwise(plan.argv))
    assert options["--dataset"] == str(tmp_path / "data" / "train_grpo.jsonl")
    assert options["--output_dir"] == str(tmp_path / "backend")
    assert plan.env["ROOT_IMAGE_DIR"] == str(tmp_path / "data")
    assert plan.finish[1:4] == ("-m", "vtb.train.vlm", "finish")
    (tmp_path / "checkpoints" / "step-000020").mkdir(parents=True)
    argv = plan_vlm(job_of(tmp_path, "train.backend=ms-swift", recipe=GRPO)).argv
    options = dict(pairwise(argv))
    assert options["--resume_from_checkpoint"].endswith("step-000020")
    assert plan_vlm(job_of(tmp_path)).finish == ()


def test_what_ms_swift_cannot_do(job_of, tmp_path):
    job = job_of(tmp_path, "train.backend=ms-swift", 'log.trackers=["tensorboard"]')
    assert "--backend trl" in error(job, "trackers").hint
    [lacking, _] = swift_plan.checks(job, installed=lambda name: name != "swift")
    assert lacking.is_environment and "pip install ms-swift" in lacking.hint


def test_what_the_machine_lacks(job_of, tmp_path):
    job = job_of(tmp_path, "rollout.engine=vllm-colocate", recipe=GRPO)
    [check] = preflight.environment_checks(job, installed=lambda name: None)
    assert (check.name, check.is_environment) == ("vllm", True)
    assert not list(preflight.environment_checks(job, installed=lambda name: name))
    on_gpu = replace(job_of(tmp_path), gpus=(H200,))
    old = preflight.environment_checks(on_gpu, torch_version=lambda: "2.9.1")
    assert [check.name for check in old] == ["torch"]
    assert not list(preflight.environment_checks(job_of(tmp_path), torch_version=lambda: "2.9.1"))


def test_layers_with_an_adapter(job_of, tmp_path):
    lora = "train.target=lora"
    both = job_of(tmp_path, lora)
    layers = lora_layers(shapes_of(both), both.recipe)
    assert not [name for name in layers if "embed" in name or "patch" in name]
    assert len(layers) == 2 * 7 + 2 * 4 + 2 * 2
    frozen = job_of(tmp_path, lora, 'train.freeze=["vision", "aligner"]')
    language = lora_layers(shapes_of(frozen), frozen.recipe)
    assert len(language) == 2 * 7 and all("language_model" in name for name in language)
    aligner = job_of(tmp_path, lora, 'train.freeze=["vision"]')
    assert len(lora_layers(shapes_of(aligner), aligner.recipe)) == 2 * 7 + 2 * 2
    some = job_of(tmp_path, lora, 'lora.target_modules=["q_proj", "linear_fc1"]', "lora.rank=3")
    assert len(lora_layers(shapes_of(some), some.recipe)) == 2 + 2 + 2
    chosen = lora_layers(shapes_of(some), some.recipe).values()
    assert trainable_parameters(shapes_of(some), some.recipe) == 3 * sum(map(sum, chosen))


def test_frozen_parts_are_not_counted(job_of, tmp_path):
    whole, part = job_of(tmp_path), job_of(tmp_path, 'train.freeze=["vision", "aligner"]')
    shapes = shapes_of(whole)
    assert trainable_parameters(shapes, whole.recipe) == 227_104
    language = sum(
        trainable_parameters({name: shape}, whole.recipe)
        for name, shape in shapes.items()
        if "visual" not in name
    )
    assert trainable_parameters(shapes, part.recipe) == language


def test_the_export_is_made_once_and_of_the_wanted_size(job_of, tmp_path):
    job = job_of(tmp_path / "run", "data.image_min_tokens=16")
    assert questions.export_questions(job, "trl").made == 50
    table = pq.read_table(job.run.data / "train_sft.parquet")
    picture = Image.open(BytesIO(table["images"][0][0]["bytes"].as_py()))
    assert picture.size == (128, 128)
    assert questions.export_questions(job, "trl").made == 0
    record = json.loads((job.run.data / "export.json").read_text())
    assert record["settings"]["pictures"] == {"min_tokens": 16, "max_tokens": 1024}
    assert job.limits == PictureLimits(16, 1024)
    other = job_of(tmp_path / "run")
    assert questions.export_questions(other, "trl").made == 50


# Qwen3-VL-32B as published.
BIG = Size(33_000_000_000, 33_000_000_000, 64, 5120, 25_600, 151_936)


@pytest.fixture
def need(job_of, tmp_path):
    def gib(*overrides, world=8, size=BIG, recipe=SFT):
        wide = ("model.dtype=bf16", "train.micro_batch=1", "train.activation_checkpointing=true")
        recipe_ = job_of(tmp_path, *wide, *overrides, recipe=recipe).recipe
        return memory_gib(recipe_, size, 2048, world, 141.0)

    return gib


def test_memory_of_the_largest_model_on_eight_devices(need):
    states = 16 * BIG.trained / GIB
    assert need("dist.strategy=zero3") == pytest.approx(states / 8, rel=0.15)
    assert need("dist.strategy=zero2") - need("dist.strategy=zero3") == pytest.approx(
        2 * BIG.parameters / GIB * 7 / 8
    )
    assert need(world=1) > states
    offloaded = need("dist.strategy=zero3_offload")
    assert need("dist.strategy=zero3") - offloaded == pytest.approx(12 * BIG.trained / GIB / 8)


def test_what_memory_depends_on(need):
    lora = replace(BIG, trained=100_000_000)
    plain = need("train.target=lora", size=lora)
    assert 2 * BIG.parameters / GIB < plain < 80
    assert need("train.target=lora", "train.micro_batch=2", size=lora) > plain
    kept = need("train.target=lora", "train.activation_checkpointing=false", size=lora)
    assert kept > plain + 10
    colocated = ("train.target=lora", "rollout.engine=vllm-colocate", "rollout.memory=0.4")
    grpo = need("train.target=lora", size=lora, recipe=GRPO)
    assert need(*colocated, size=lora, recipe=GRPO) - grpo == pytest.approx(0.4 * 141)
    with_base = need("grpo.beta=0.1", "dist.strategy=zero3", recipe=GRPO)
    alone = need("dist.strategy=zero3", recipe=GRPO)
    assert with_base - alone == pytest.approx(2 * BIG.parameters / GIB / 8)


def test_a_model_that_does_not_fit_is_said(job_of, tmp_path):
    small = replace(job_of(tmp_path), gpus=(replace(H200, memory_gib=1.0),))
    assert found(small)["memory"].level == "warning"
    assert "memory" not in found(replace(small, gpus=(H200,)))
