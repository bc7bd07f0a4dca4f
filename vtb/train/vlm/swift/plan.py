"""How ms-swift is started, and what it cannot do; imports none of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from vtb.run.plan import Check
from vtb.train.launch.job import SPLIT
from vtb.train.launch.launcher import launch_argv
from vtb.train.launch.resources import lack
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.process import Process
from vtb.train.vlm.swift.arguments import SwiftRun, launcher_of, module_words
from vtb.train.vlm.swift.environment import swift_environment
from vtb.train.vlm.swift.settings import PluginSettings

PACKAGES = ("swift", "peft", "transformers", "datasets")
DISTRIBUTIONS = {"swift": "ms-swift"}


def layout(job: VlmJob) -> str:
    """The layout of a job's questions."""
    return "ms-swift-video" if job.clips else "ms-swift"


def checks(job: VlmJob, installed: Callable[[str], object] = find_spec) -> Iterator[Check]:
    """What is not installed, and what of the recipe this backend leaves to TRL."""
    missing = [DISTRIBUTIONS.get(name, name) for name in PACKAGES if not installed(name)]
    if missing:
        message = f"{' and '.join(missing)} must be installed for the ms-swift backend"
        yield lack("ms-swift", message, f"pip install {' '.join(missing)}")
    if job.recipe.log.trackers:
        message = "the ms-swift backend logs to events.jsonl alone"
        yield Check("error", "trackers", message, "-s log.trackers=[], or --backend trl")


def process(job: VlmJob) -> Process:
    """The process, or the launcher of several, that trains on this machine."""
    recipe, run = job.recipe, job.run
    newest = max(run.steps(), default=0)
    words = module_words(
        recipe,
        SwiftRun(
            model=job.model,
            data=run.data / f"{SPLIT}_{recipe.train.method}.jsonl",
            out=run.backend,
            steps=job.steps,
            world=job.cluster.world,
            on_gpu=bool(job.gpus),
            resume=run.checkpoint(newest) if newest else None,
        ),
    )
    settings = PluginSettings(run.path, job.model, job.stop_at, recipe.grpo.completions_keep)
    return Process(
        tuple(launch_argv(launcher_of(recipe, job.cluster), job.cluster, words, run.path)),
        swift_environment(recipe, settings, run.data, os.environ, on_gpu=bool(job.gpus)),
    )
