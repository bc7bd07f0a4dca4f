"""TRL's trainers, made of a recipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from datasets import Dataset
from transformers import PrinterCallback, Qwen3VLProcessor, Trainer
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.sft_trainer import SFTTrainer

from vtb.models.qwen3_vl.checkpoint import media_token_ids, weight_files
from vtb.models.qwen3_vl.load import load_model
from vtb.models.structure import read_shapes
from vtb.recipe.vlm import VlmRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.launch.job import SPLIT
from vtb.train.rewards import Reward
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.layers import is_frozen
from vtb.train.vlm.trl.settings import grpo_config, lora_config, sft_config


def make_trainer(
    arguments: VlmChildArguments,
    recipe: VlmRecipe,
    processor: Qwen3VLProcessor,
    rewards: Sequence[Reward],
    beat: Callable[[], None],
) -> Trainer:
    """The trainer of the recipe's method; `beat` is called at each pass through the model."""
    run, base = RunDirectory(arguments.run), arguments.model
    shapes = read_shapes(base / file for file in weight_files(base))
    shared: dict[str, Any] = {
        "model": _model(base, recipe, beat),
        "train_dataset": _questions(run, recipe),
        "processing_class": processor,
        "peft_config": lora_config(recipe, shapes),
    }
    context = recipe, arguments, int(os.environ.get("WORLD_SIZE", "1")), run.backend
    if recipe.train.method == "sft":
        trainer = SFTTrainer(args=sft_config(*context), **shared)
    else:
        config = grpo_config(*context, media_token_ids(base))
        trainer = GRPOTrainer(args=config, reward_funcs=[*rewards], **shared)
    trainer.remove_callback(PrinterCallback)  # it prints what is in events.jsonl
    return trainer


def _model(base: Path, recipe: VlmRecipe, beat: Callable[[], None]) -> Any:
    # Small updates would vanish in bf16 weights, so what is trained itself is kept in float32.
    is_bf16 = recipe.model.dtype == "bf16" and recipe.train.target == "lora"
    model = load_model(base, torch.bfloat16 if is_bf16 else torch.float32)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not is_frozen(name, recipe.train.freeze))
    # A step of GRPO may take long.
    model.register_forward_pre_hook(lambda *_: beat())
    return model


def _questions(run: RunDirectory, recipe: VlmRecipe) -> Dataset:
    path = run.data / f"{SPLIT}_{recipe.train.method}.parquet"
    # In memory: a memory-mapped copy would go into the user's cache.
    return Dataset(pq.read_table(path))
