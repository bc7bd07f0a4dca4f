"""A recipe as the arguments of TRL's trainers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.sft_config import SFTConfig

from vtb.models.structure import Shapes
from vtb.recipe.vlm import VlmRecipe
from vtb.run.executor import usable_cpus
from vtb.train.loop.batching import Batching
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.layers import lora_layers

SCHEDULERS: Mapping[str, str] = {
    "constant": "constant_with_warmup",
    "linear": "linear",
    "cosine": "cosine",
}
WORKERS = 8  # processes that decode pictures for one GPU


def sft_config(
    recipe: VlmRecipe, arguments: VlmChildArguments, world: int, output: Path
) -> SFTConfig:
    """Arguments of supervised fine-tuning, which cuts nothing: the preflight knows the lengths."""
    common = _common(recipe, arguments, world, output)
    # A GPU would wait for pictures that one process decodes.
    workers = 0 if arguments.device == "cpu" else min(WORKERS, usable_cpus() // world)
    return SFTConfig(**common, max_length=None, dataloader_num_workers=workers)


def grpo_config(
    recipe: VlmRecipe,
    arguments: VlmChildArguments,
    world: int,
    output: Path,
    media: Sequence[int],
) -> GRPOConfig:
    """Arguments of GRPO; `media` are the tokens that no completion may hold."""
    grpo, batching = recipe.grpo, Batching.of(recipe.train, world)
    return GRPOConfig(
        **_common(recipe, arguments, world, output),
        num_generations=grpo.generations,
        steps_per_generation=batching.accum,
        max_completion_length=grpo.max_completion,
        temperature=grpo.temperature,
        top_p=grpo.top_p,
        top_k=0,
        beta=grpo.beta,
        epsilon=grpo.epsilon,
        epsilon_high=grpo.epsilon_high,
        loss_type=grpo.loss_type,
        scale_rewards=grpo.scale_rewards,
        mask_truncated_completions=grpo.overlong_filter,
        # With a picture's token in it, a completion has more tokens than pictures to stand for.
        generation_kwargs={"suppress_tokens": [*media]},
    )


def lora_config(recipe: VlmRecipe, shapes: Shapes) -> LoraConfig | None:
    """The adapter of the layers that are trained; None when they are trained themselves."""
    if recipe.train.target == "full":
        return None
    lora = recipe.lora
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]  peft divides it, of any type
        lora_dropout=lora.dropout,
        target_modules=[*lora_layers(shapes, recipe)],
        task_type="CAUSAL_LM",
    )


def _common(
    recipe: VlmRecipe, arguments: VlmChildArguments, world: int, output: Path
) -> dict[str, Any]:
    train, is_cpu = recipe.train, arguments.device == "cpu"
    batching = Batching.of(train, world)
    return {
        "output_dir": str(output),
        "per_device_train_batch_size": batching.micro_batch,
        "gradient_accumulation_steps": batching.accum,
        "max_steps": arguments.steps,
        "learning_rate": train.lr,
        "warmup_steps": train.warmup_steps,
        "lr_scheduler_type": SCHEDULERS[train.scheduler],
        "weight_decay": train.weight_decay,
        "adam_beta2": train.adam_beta2,
        # No limit is infinity: at 0 the norm would not be computed either.
        "max_grad_norm": train.grad_clip or math.inf,
        "gradient_checkpointing": train.activation_checkpointing,
        "seed": train.seed,
        "data_seed": train.seed,
        "bf16": recipe.model.dtype == "bf16",
        "use_cpu": is_cpu,
        "dataloader_pin_memory": not is_cpu,
        "save_steps": recipe.save.every,
        "logging_steps": 1,
        # It would replace the loss that ends a run by the mean of those before.
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }
