import os
from pathlib import Path

import pytest

from vtb.core.errors import UsageError
from vtb.train.launch.cluster import Cluster
from vtb.train.vlm.swift.arguments import (
    PLUGIN,
    SwiftRun,
    launcher_of,
    module_words,
)
from vtb.train.vlm.swift.environment import swift_environment
from vtb.train.vlm.swift.settings import PluginSettings

RUN = SwiftRun(Path("/m"), Path("/d/train.jsonl"), Path("/r/backend"), steps=40)
GPU_RUN = SwiftRun(Path("/m"), Path("/d.jsonl"), Path("/o"), steps=40, world=2, on_gpu=True)
GRPO = {"train": {"method": "grpo", "batch": 16, "micro_batch": 4}}
SETTINGS = PluginSettings(Path("/r"), Path("/m"), stop_at=30, completions_keep=7)


def options_of(words):
    """Each flag's values; a flag that is given twice fails."""
    found, name = {}, ""
    for word in words[1:]:
        if word.startswith("--"):
            name = word
            assert name not in found
            found[name] = []
        else:
            found[name].append(word)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def test_sft_of_the_whole_model(recipe_of):
    recipe = recipe_of({"train": {"batch": 40, "micro_batch": 5, "freeze": ["vision"]}})
    words = module_words(recipe, RUN)
    assert words[0] == "swift.cli.sft"
    assert options_of(words) == {
        "--model": "/m",
        "--model_type": "qwen3_vl",
        "--use_hf": "true",
        "--check_model": "false",
        "--torch_dtype": "float32",
        "--attn_impl": "sdpa",
        "--external_plugins": str(PLUGIN),
        "--callbacks": "vtb",
        "--dataset": "/d/train.jsonl",
        "--split_dataset_ratio": "0",
        "--dataset_num_proc": "1",
        "--dataloader_num_workers": "0",
        "--strict": "true",
        "--load_from_cache_file": "false",
        "--truncation_strategy": "delete",
        "--tuner_type": "full",
        "--freeze_llm": "false",
        "--freeze_vit": "true",
        "--freeze_aligner": "false",
        "--per_device_train_batch_size": "5",
        "--gradient_accumulation_steps": "8",
        "--max_steps": "40",
        "--learning_rate": "0.002",
        "--lr_scheduler_type": "cosine",
        "--warmup_steps": "0",
        "--weight_decay": "0.0",
        "--adam_beta2": "0.999",
        "--max_grad_norm": "1.0",
        "--max_length": "4096",
        "--gradient_checkpointing": "false",
        "--seed": "42",
        "--data_seed": "42",
        "--output_dir": "/r/backend",
        "--add_version": "false",
        "--save_strategy": "steps",
        "--save_steps": "10",
        "--save_total_limit": "3",
        "--save_only_model": "false",
        "--logging_steps": "1",
        "--logging_nan_inf_filter": "false",
        "--report_to": "none",
    }
    assert PLUGIN.is_file()


def test_an_adapter(recipe_of):
    changes = {
        "train": {"target": "lora"},
        "lora": {"rank": 8, "dropout": 0.1, "target_modules": ["q_proj", "v_proj"]},
    }
    options = options_of(module_words(recipe_of(changes), RUN))
    assert options["--tuner_type"] == "lora"
    assert [options[f"--lora_{name}"] for name in ("rank", "alpha", "dropout")] == [
        *("8", "16.0", "0.1")
    ]
    assert options["--target_modules"] == ["q_proj", "v_proj"]


def test_what_grpo_adds(recipe_of):
    recipe = recipe_of(GRPO)
    plain = options_of(module_words(recipe_of({"train": GRPO["train"] | {"method": "sft"}}), RUN))
    words = module_words(recipe, RUN)
    assert words[0] == "swift.cli.rlhf"
    options = options_of(words)
    assert {name: value for name, value in options.items() if name in plain} == plain
    assert {name: value for name, value in options.items() if name not in plain} == {
        "--rlhf_type": "grpo",
        "--reward_funcs": ["vtb_correct", "vtb_format"],
        "--reward_weights": ["1.0", "0.1"],
        "--num_generations": "8",
        "--steps_per_generation": "4",
        "--num_iterations": "1",
        "--max_completion_length": "2048",
        "--temperature": "1.0",
        "--top_p": "1.0",
        "--top_k": "-1",
        "--beta": "0.0",
        "--epsilon": "0.2",
        "--epsilon_high": "0.28",
        "--loss_type": "dapo",
        "--scale_rewards": "group",
        "--overlong_filter": "true",
        "--dynamic_sample": "false",
        "--max_resample_times": "3",
        "--log_completions": "false",
        "--log_entropy": "true",
    }


def test_the_compat_reward_is_asked_for_where_it_weighs_something(recipe_of):
    recipe = recipe_of(GRPO, {"reward": {"correct": 0, "compat": 0.5}})
    options = options_of(module_words(recipe, RUN))
    assert options["--reward_funcs"] == ["vtb_correct", "vtb_format", "vtb_compat"]
    assert options["--reward_weights"] == ["0.0", "0.1", "0.5"]


def test_a_constant_rate_keeps_its_warm_up(recipe_of):
    options = options_of(module_words(recipe_of({"train": {"scheduler": "constant"}}), RUN))
    assert options["--lr_scheduler_type"] == "constant_with_warmup"


def test_gpus_share_the_batch_and_have_workers(recipe_of):
    changes = {"train": {"batch": 40, "micro_batch": 5}, "dist": {"strategy": "zero3"}}
    options = options_of(module_words(recipe_of(changes), GPU_RUN))
    assert options["--gradient_accumulation_steps"] == "4"
    assert options["--dataloader_num_workers"] == "4"
    assert options["--deepspeed"] == "zero3"
    assert options_of(module_words(recipe_of(GRPO), GPU_RUN))["--dataloader_num_workers"] == "0"


def test_processes_on_a_cpu_train_together(recipe_of):
    run = SwiftRun(Path("/m"), Path("/d"), Path("/o"), steps=40, world=2)
    recipe = recipe_of({"train": {"micro_batch": 5}})
    options = options_of(module_words(recipe, run))
    assert (options["--use_cpu"], options["--ddp_backend"]) == ("true", "gloo")
    alone, on_gpu = (options_of(module_words(recipe, one)) for one in (RUN, GPU_RUN))
    assert not {"--use_cpu", "--ddp_backend"} & ({*alone} | {*on_gpu})


def test_a_batch_that_cannot_be_shared_is_refused(recipe_of):
    with pytest.raises(UsageError, match="batch of 10"):
        module_words(recipe_of({"train": {"micro_batch": 4}}), RUN)


def test_resuming(recipe_of):
    run = SwiftRun(Path("/m"), Path("/d"), Path("/o"), steps=40, resume=Path("/c/step-000020"))
    options = options_of(module_words(recipe_of(), run))
    assert options["--resume_from_checkpoint"] == "/c/step-000020"


def rollout_of(recipe_of, engine, strategy="ddp"):
    changes = {"rollout": {"engine": engine}, "dist": {"strategy": strategy}}
    words = module_words(recipe_of(GRPO, changes), RUN)
    plain = module_words(recipe_of(GRPO, {"dist": {"strategy": strategy}}), RUN)
    before = options_of(plain)
    return {name: value for name, value in options_of(words).items() if name not in before}


def test_vllm_beside_the_model(recipe_of):
    found = rollout_of(recipe_of, "vllm-colocate")
    assert found == {
        "--use_vllm": "true",
        "--vllm_mode": "colocate",
        "--vllm_gpu_memory_utilization": "0.4",
        "--vllm_max_model_len": "4096",
        "--vllm_limit_mm_per_prompt": '{"image": 1}',
        "--sleep_level": "1",
    }
    gathered = rollout_of(recipe_of, "vllm-colocate", "zero3")
    assert set(gathered) - set(found) == {
        *("--move_model_batches", "--offload_model", "--offload_optimizer")
    }


def test_torchrun_where_its_variables_are_needed(recipe_of):
    colocated = recipe_of(GRPO, {"rollout": {"engine": "vllm-colocate"}})
    assert launcher_of(recipe_of(), Cluster()) == "none"
    assert launcher_of(recipe_of(), Cluster(processes=2)) == "torchrun"
    assert launcher_of(recipe_of({"dist": {"strategy": "zero2"}}), Cluster()) == "torchrun"
    assert launcher_of(colocated, Cluster()) == "torchrun"
    assert launcher_of(recipe_of(GRPO), Cluster()) == "none"
    sft = recipe_of({"rollout": {"engine": "vllm-colocate"}})
    assert launcher_of(sft, Cluster()) == "none"


def environment_of(recipe, user=(), on_gpu=False):
    return swift_environment(recipe, SETTINGS, Path("/d"), dict(user), on_gpu=on_gpu)


def test_the_environment_of_a_cpu_run(recipe_of):
    user = {"PYTHONPATH": "/mine", "IMAGE_MAX_TOKEN_NUM": "1"}
    added = environment_of(recipe_of({"data": {"image_min_tokens": 9}}), user)
    hook, rest = added["PYTHONPATH"].split(os.pathsep)
    assert (Path(hook) / "sitecustomize.py").is_file() and rest == "/mine"
    wanted = {
        "ROOT_IMAGE_DIR": "/d",
        "IMAGE_MAX_TOKEN_NUM": "64",
        "IMAGE_MIN_TOKEN_NUM": "9",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "VTB_SWIFT_RUN": "/r",
        "VTB_SWIFT_MODEL": "/m",
        "VTB_SWIFT_STOP_AT": "30",
        "VTB_SWIFT_COMPLETIONS_KEEP": "7",
    }
    assert {name: added[name] for name in wanted} == wanted
    assert PluginSettings.read(added) == SETTINGS


def test_how_clips_are_shown(recipe_of):
    limits = {"media": "video", "video_max_tokens": 256, "video_min_tokens": 8, "fps": 1.5}
    added = environment_of(recipe_of({"data": limits}))
    names = ("IMAGE_MIN_TOKEN_NUM", "IMAGE_MAX_TOKEN_NUM", "VIDEO_MIN_TOKEN_NUM", "FPS")
    assert [added[name] for name in names] == ["1", "256", "8", "1.5"]
    assert added["VIDEO_MAX_TOKEN_NUM"] == "256"
    assert "FPS" not in environment_of(recipe_of())


def test_a_user_may_ask_the_hub(recipe_of):
    assert environment_of(recipe_of(), {"HF_HUB_OFFLINE": "0"})["HF_HUB_OFFLINE"] == "0"


def test_vllm_s_sleep_goes_without_expandable_segments(recipe_of):
    colocated = recipe_of(GRPO, {"rollout": {"engine": "vllm-colocate"}})
    name = "PYTORCH_CUDA_ALLOC_CONF"
    assert name in environment_of(recipe_of(GRPO), on_gpu=True)
    assert name not in environment_of(colocated, on_gpu=True)


def test_no_settings_without_a_run():
    assert PluginSettings.read({"PATH": "/bin"}) is None
