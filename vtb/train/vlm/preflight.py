"""What of a request is wrong, or otherwise than the user may think, before anything starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from vtb.core.errors import UsageError
from vtb.models.structure import Shapes
from vtb.run.plan import Check
from vtb.run.provenance import versions
from vtb.train.launch.resources import lack, package_checks
from vtb.train.loop.batching import Batching
from vtb.train.rewards import weights_of
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.layers import lora_layers
from vtb.train.vlm.questions import Lengths

# A completion may begin otherwise than the answer, and still must have room for it.
SPARE_TOKENS = 16
# The published rate of a LoRA under GRPO, at which it hardly moves.
SLOW_LORA_LR = 2e-6


def batch_checks(job: VlmJob) -> Iterator[Check]:
    """Whether a step can be shared by devices, micro-batches and groups of completions."""
    train, world = job.recipe.train, job.cluster.world
    round_size, generations = train.micro_batch * world, job.recipe.grpo.generations
    if not job.is_grpo:
        try:
            Batching.of(train, world)
        except UsageError as error:
            yield Check("error", "batch", f"{error.message}: {error.fact}", error.hint)
        return
    unit = math.lcm(round_size, generations)
    if train.batch % unit:
        below, above = train.batch // unit * unit, -(-train.batch // unit) * unit
        near = " or ".join(f"-s train.batch={size}" for size in (below, above) if size)
        message = (
            f"a batch of {train.batch} completions is no multiple of {unit}: groups of "
            f"{generations}, and {train.micro_batch} at once on {world} device(s)"
        )
        yield Check("error", "batch", message, near)
    elif train.batch // generations > job.num_samples:
        message = f"a step asks {train.batch // generations} puzzles, and there are "
        hint = f"-s train.batch={max(1, job.num_samples * generations // unit) * unit}"
        yield Check("error", "batch", f"{message}{job.num_samples}", hint)


def length_checks(job: VlmJob, lengths: Lengths) -> Iterator[Check]:
    """Whether samples and answers find room in what the recipe allows, in tokens."""
    recipe, longest = job.recipe, lengths.sample
    if job.is_grpo:
        longest = lengths.question + recipe.grpo.max_completion
    if longest > recipe.train.max_length:
        message = f"a sample takes {longest} tokens, train.max_length is {recipe.train.max_length}"
        media = "video" if job.clips else "image"
        hint = f"-s train.max_length={longest}, or a smaller data.{media}_max_tokens"
        yield Check("error", "max_length", message, hint)
    needed = lengths.answer + SPARE_TOKENS
    if job.is_grpo and recipe.grpo.max_completion < needed:
        message = (
            f"the longest answer takes {lengths.answer} tokens and some room before it, "
            f"grpo.max_completion is {recipe.grpo.max_completion}"
        )
        yield Check("error", "max_completion", message, f"-s grpo.max_completion={needed}")


def recipe_checks(job: VlmJob, shapes: Shapes) -> Iterator[Check]:
    """Whether the values of the recipe go together, and suit the model's tensors."""
    recipe = job.recipe
    if recipe.train.target == "lora":
        try:
            lora_layers(shapes, recipe)
        except UsageError as error:
            yield Check("error", "target_modules", error.message, error.hint)
    if recipe.data.image_min_tokens > recipe.data.image_max_tokens:
        message = "data.image_min_tokens is above data.image_max_tokens"
        yield Check("error", "pictures", message, "-s data.image_min_tokens=4")
    if job.is_grpo:
        yield from _grpo_checks(job)


def _grpo_checks(job: VlmJob) -> Iterator[Check]:
    recipe = job.recipe
    if not weights_of(recipe.reward):
        message = "every part of the reward has weight 0"
        yield Check("error", "reward", message, "-s reward.correct=1")
    if recipe.reward.compat:
        message = "reward.compat can be raised without solving anything"
        yield Check("warning", "reward", message, "-s reward.compat=0")
    if recipe.train.target == "lora" and recipe.train.lr <= SLOW_LORA_LR:
        message = f"a learning rate of {recipe.train.lr:g} hardly moves a LoRA"
        yield Check("warning", "lr", message, "-s train.lr=2e-5")


def environment_checks(
    job: VlmJob,
    installed: Callable[[str], object] = find_spec,
    torch_version: Callable[[], str] = lambda: versions().get("torch", ""),
) -> Iterator[Check]:
    """Whether packages can do what the recipe asks."""
    if job.gpus and torch_version().startswith("2.9."):
        message = f"torch {torch_version()} runs Qwen3-VL's convolution 10 to 50 times slower"
        yield lack("torch", message, "pip install 'torch!=2.9.*'")
    if job.is_grpo and job.recipe.rollout.engine != "hf" and not installed("vllm"):
        yield lack("vllm", "vLLM is not installed", "pip install vllm, or --vllm off")
    yield from package_checks(job.recipe.dist.strategy, job.recipe.log, installed)
