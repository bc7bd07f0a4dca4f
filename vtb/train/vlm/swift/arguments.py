"""The command line of ms-swift's training process; imports neither torch nor ms-swift.

Modules are started, not the command `swift`: it starts the same module as its child, and would die
of a signal that asks to stop, before its child has saved. Several processes come from torchrun, as
with our own trainers (`vtb.train.launch.launcher`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from vtb.models.qwen3_vl.checkpoint import MODEL_TYPE
from vtb.recipe.vlm import VlmRecipe
from vtb.train.launch.cluster import Cluster
from vtb.train.launch.launcher import Launcher
from vtb.train.loop.batching import Batching
from vtb.train.vlm.swift.settings import CALLBACK

SFT, RLHF = "swift.cli.sft", "swift.cli.rlhf"
PLUGIN = Path(__file__).parents[2] / "swift_plugin" / "vtb_plugin.py"
# Pictures are read and cut into patches beside the training process, where there are cores.
GPU_WORKERS = 4

Value: TypeAlias = str | int | float | bool | Path | tuple[str | float, ...]
Options: TypeAlias = Mapping[str, Value]

DTYPES: Mapping[str, str] = {"bf16": "bfloat16", "fp32": "float32"}
# Without a suffix it would ignore the warm-up.
SCHEDULERS: Mapping[str, str] = {
    "constant": "constant_with_warmup",
    "linear": "linear",
    "cosine": "cosine",
}


@dataclass(frozen=True, slots=True)
class SwiftRun:
    """What ms-swift's training process is told besides the recipe; paths are absolute.

    `data` is a JSON-lines file of `vtb.formats.swift`, `out` the directory that ms-swift writes.
    The learning rate follows a schedule of `steps`; `resume` is a checkpoint to go on from.
    """

    model: Path
    data: Path
    out: Path
    steps: int
    world: int = 1
    on_gpu: bool = False
    resume: Path | None = None


def module_words(recipe: VlmRecipe, run: SwiftRun) -> tuple[str, ...]:
    """Name of the module that trains, and its arguments.

    Raises UsageError when the batch cannot be shared evenly.
    """
    is_grpo = recipe.train.method == "grpo"
    options: dict[str, Value] = {
        **_model(recipe, run),
        **_data(run, is_grpo),
        **_tuner(recipe),
        **_optimization(recipe, run),
        **_files(recipe, run),
    }
    if is_grpo:
        options |= {**_grpo(recipe, run), **_rollout(recipe)}
    return (RLHF if is_grpo else SFT, *_words(options))


def launcher_of(recipe: VlmRecipe, cluster: Cluster) -> Launcher:
    """Torchrun where the process needs its variables, which DeepSpeed and vLLM do even alone."""
    is_alone = cluster.world == 1 and recipe.dist.strategy == "ddp"
    has_vllm = recipe.train.method == "grpo" and recipe.rollout.engine == "vllm-colocate"
    return "none" if is_alone and not has_vllm else "torchrun"


def _words(options: Options) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        words += [f"--{name}", *(_word(one) for one in values)]
    return words


def _word(value: str | int | float | bool | Path) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _model(recipe: VlmRecipe, run: SwiftRun) -> Options:
    return {
        "model": run.model,
        "model_type": MODEL_TYPE,  # three of ms-swift's types have this architecture
        "use_hf": True,  # with the next one, no hub is asked
        "check_model": False,
        "torch_dtype": DTYPES[recipe.model.dtype],
        "attn_impl": "sdpa",
        "external_plugins": PLUGIN,
        "callbacks": CALLBACK,
    }


def _data(run: SwiftRun, is_grpo: bool) -> Options:
    return {
        "dataset": run.data,
        "split_dataset_ratio": 0,  # our splits are by content
        "dataset_num_proc": 1,
        # GRPO's workers would hand on rows without touching a picture.
        "dataloader_num_workers": GPU_WORKERS if run.on_gpu and not is_grpo else 0,
        "strict": True,
        "load_from_cache_file": False,
        # The default of GRPO cuts the picture's tokens off.
        "truncation_strategy": "delete",
    }


def _tuner(recipe: VlmRecipe) -> Options:
    lora, train = recipe.lora, recipe.train
    frozen: dict[str, Value] = {
        "freeze_llm": False,
        "freeze_vit": "vision" in train.freeze,
        "freeze_aligner": "aligner" in train.freeze,
    }
    if train.target == "full":
        return {"tuner_type": "full", **frozen}
    return {
        "tuner_type": "lora",
        "lora_rank": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": lora.target_modules,
        **frozen,
    }


def _optimization(recipe: VlmRecipe, run: SwiftRun) -> Options:
    train = recipe.train
    options: dict[str, Value] = {
        "per_device_train_batch_size": train.micro_batch,
        "gradient_accumulation_steps": Batching.of(train, run.world).accum,
        "max_steps": run.steps,
        "learning_rate": train.lr,
        "lr_scheduler_type": SCHEDULERS[train.scheduler],
        "warmup_steps": train.warmup_steps,
        "weight_decay": train.weight_decay,
        "adam_beta2": train.adam_beta2,
        "max_grad_norm": train.grad_clip,
        "max_length": train.max_length,
        "gradient_checkpointing": train.activation_checkpointing,
        "seed": train.seed,
        "data_seed": train.seed,
    }
    if recipe.dist.strategy != "ddp":
        options["deepspeed"] = recipe.dist.strategy
    if run.world > 1 and not run.on_gpu:
        # Without them each of several processes trains alone.
        options |= {"use_cpu": True, "ddp_backend": "gloo"}
    return options


def _files(recipe: VlmRecipe, run: SwiftRun) -> Options:
    options: dict[str, Value] = {
        "output_dir": run.out,
        "add_version": False,  # a directory per start has no checkpoint to go on from
        "save_strategy": "steps",
        "save_steps": recipe.save.every,
        "save_total_limit": recipe.save.keep,
        "save_only_model": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it shows the last finite loss in place of a NaN
        "report_to": "none",
    }
    if run.resume is not None:
        options["resume_from_checkpoint"] = run.resume
    return options


def _grpo(recipe: VlmRecipe, run: SwiftRun) -> Options:
    grpo, rewards = recipe.grpo, _rewards(recipe)
    return {
        "rlhf_type": "grpo",
        "reward_funcs": tuple(rewards),
        "reward_weights": tuple(rewards.values()),
        "num_generations": grpo.generations,
        "steps_per_generation": Batching.of(recipe.train, run.world).accum,
        "num_iterations": 1,
        "max_completion_length": grpo.max_completion,
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "top_k": -1,
        "beta": grpo.beta,
        "epsilon": grpo.epsilon,
        "epsilon_high": grpo.epsilon_high,
        "loss_type": grpo.loss_type,
        "scale_rewards": grpo.scale_rewards,
        "overlong_filter": grpo.overlong_filter,
        "dynamic_sample": grpo.dynamic_sample,
        "max_resample_times": grpo.max_resample_times,
        "log_completions": False,  # our plugin does
        "log_entropy": True,
    }


def _rewards(recipe: VlmRecipe) -> dict[str, float]:
    """Weights by the plugin's names; the first two are logged whatever they weigh."""
    weights = {"vtb_correct": recipe.reward.correct, "vtb_format": recipe.reward.format}
    compat = {"vtb_compat": recipe.reward.compat} if recipe.reward.compat else {}
    return weights | compat


def _rollout(recipe: VlmRecipe) -> Options:
    if recipe.rollout.engine == "hf":
        return {}
    options: dict[str, Value] = {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": recipe.rollout.memory,
        "vllm_max_model_len": recipe.train.max_length,
        "vllm_limit_mm_per_prompt": '{"image": 1}',
        "sleep_level": 1,
    }
    if recipe.dist.strategy.startswith("zero3"):
        # Each sync gathers the whole weights on every device.
        options |= {"move_model_batches": 16, "offload_model": True, "offload_optimizer": True}
    return options
