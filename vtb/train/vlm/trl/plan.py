"""How TRL is started, and what it cannot do; imports none of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from vtb.run.environment import training_environment
from vtb.run.plan import Check
from vtb.train.launch.launcher import launch_argv, pick_launcher
from vtb.train.launch.resources import lack
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.process import Process

PACKAGES = ("trl", "peft", "transformers", "datasets")
STRATEGY = "ddp"


def checks(job: VlmJob, installed: Callable[[str], object] = find_spec) -> Iterator[Check]:
    """What of the recipe this backend leaves to ms-swift, and what is not installed."""
    recipe = job.recipe
    missing = [name for name in PACKAGES if not installed(name)]
    if missing:
        message = f"{' and '.join(missing)} must be installed for the TRL backend"
        yield lack("trl", message, f"pip install {' '.join(missing)}")
    if recipe.rollout.engine != "hf" and job.is_grpo:
        # TRL 0.29 is made for vLLM 0.10 to 0.12 and only warns about ours.
        message = "the TRL backend writes completions with the trained model itself, not with vLLM"
        yield Check("error", "rollout", message, "--vllm off, or --backend ms-swift")
    if recipe.grpo.dynamic_sample and job.is_grpo:
        message = "the TRL backend asks no other puzzles in place of those whose rewards are equal"
        hint = "-s grpo.dynamic_sample=false, or --backend ms-swift"
        yield Check("error", "dynamic_sample", message, hint)
    if job.clips:
        message = "the TRL backend shows pictures, no clips"
        yield Check("error", "clips", message, "-s data.media=image, or --backend ms-swift")
    if recipe.dist.strategy != STRATEGY:
        message = f"the TRL backend keeps the whole model on each device, no {recipe.dist.strategy}"
        yield Check("error", "strategy", message, "-s dist.strategy=ddp, or --backend ms-swift")


def process(job: VlmJob) -> Process:
    """The process, or the launcher of several, that trains on this machine."""
    launcher = pick_launcher("auto", job.cluster, STRATEGY)
    words = VlmChildArguments.of(job, "train").module_words()
    return Process(
        tuple(launch_argv(launcher, job.cluster, words, job.run.path)),
        training_environment(os.environ, on_gpu=bool(job.gpus)),
    )
