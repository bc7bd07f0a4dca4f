"""ms-swift's training process on squares of five colours, as a job would start it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from vtb.core import registry
from vtb.core.answers import wrap
from vtb.data.request import Task
from vtb.recipe.vlm import VlmRecipe
from vtb.train.launch.cluster import Cluster
from vtb.train.launch.launcher import launch_argv
from vtb.train.vlm.swift.arguments import SwiftRun, launcher_of, module_words
from vtb.train.vlm.swift.environment import swift_environment
from vtb.train.vlm.swift.settings import PluginSettings

NUM_SQUARES = 50
COLOURS = dict(zip("ABCDE", ["#dc1e1e", "#1ec81e", "#2828dc", "#e6dc28", "#b428c8"], strict=True))
QUESTION = "<image>Which colour is it? Answer with one letter from A to E in answer tags."
# The tiny model learns fast and wholly; see the figures of the specification.
TINY = {
    "kind": "vlm",
    "model": {"dtype": "fp32"},
    "data": {"image_max_tokens": 64},
    "train": {
        "target": "full",
        "freeze": [],
        "batch": 10,
        "micro_batch": 10,
        "lr": 2e-3,
        "warmup_steps": 0,
        "scheduler": "cosine",
        "weight_decay": 0,
        "activation_checkpointing": False,
    },
    "save": {"every": 10},
}


def merged(base, changes):
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


@pytest.fixture(scope="session")
def recipe_of():
    """A recipe for the tiny model, with changes of its tables."""
    return lambda *changes: VlmRecipe.model_validate(
        merged(TINY, merged(*changes) if len(changes) == 2 else (*changes, {})[0])
    )


@pytest.fixture(scope="session")
def squares(tmp_path_factory):
    """An export for ms-swift: the letter of a square's colour solves the puzzle of its line."""
    root = tmp_path_factory.mktemp("squares")
    (root / "images").mkdir()
    generator = registry.load("eyeballing-midpoint")
    sampler = Task.of("eyeballing-midpoint", {}, {}).sampler(0)
    lines = {"sft": [], "grpo": []}
    for index in range(NUM_SQUARES):
        instance = sampler.draw(index, 0)
        letter, image = generator.answer(instance), f"images/{index}.png"
        Image.new("RGB", (64, 64), COLOURS[letter]).save(root / image)
        question = {"role": "user", "content": QUESTION}
        line = {"images": [image], "solution": letter, "vtb_id": str(index), "vtb_task": "square"}
        answer = {"role": "assistant", "content": wrap(letter)}
        lines["sft"].append({**line, "messages": [question, answer]})
        puzzle = {"vtb_instance": instance.to_json()}
        lines["grpo"].append({**line, **puzzle, "messages": [question]})
    for method, rows in lines.items():
        (root / f"{method}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@dataclass(frozen=True)
class Lab:
    """Starts ms-swift as a job would."""

    squares: Path
    model: Path

    def start(
        self,
        recipe,
        run,
        *,
        steps,
        stop_at=None,
        resume=None,
        model=None,
        cluster=None,
        extra=(),
        env=(),
    ):
        run.mkdir(exist_ok=True)
        model, cluster = model or self.model, cluster or Cluster()
        words = module_words(
            recipe,
            SwiftRun(
                model=model,
                data=self.squares / f"{recipe.train.method}.jsonl",
                out=run / "backend",
                steps=steps,
                world=cluster.world,
                resume=resume,
            ),
        )
        settings = PluginSettings(run, model, stop_at or steps, recipe.grpo.completions_keep)
        added = swift_environment(recipe, settings, self.squares, os.environ, on_gpu=False)
        argv = launch_argv(launcher_of(recipe, cluster), cluster, (*words, *extra), run)
        with (run / "log.txt").open("ab") as log:
            return subprocess.Popen(
                argv,
                env={**os.environ, **added, **dict(env)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, recipe, run, **options):
        """Trains to the end; returns the exit code."""
        with self.start(recipe, run, **options) as process:
            try:
                return process.wait(timeout=240)
            finally:
                process.kill()


@pytest.fixture(scope="session")
def lab(squares, tiny_qwen3_vl):
    pytest.importorskip("swift")
    return Lab(squares, tiny_qwen3_vl)
