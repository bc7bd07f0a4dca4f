"""Small tasks of our own, as files and as drawn samples."""

import json

import numpy as np
import pytest

from generators.arc.config import ArcStyle
from generators.arc.task import ArcTask
from vtb.core.frames import FramePlan
from vtb.core.generator import make_instance
from vtb.core.types import Content, Sample

ARC = ArcTask()
PLAN = FramePlan.of(17, 16)


def make_grid(rng, rows, cols):
    return rng.integers(0, 10, (rows, cols)).tolist()


def make_puzzle(shapes, seed=0):
    """A puzzle with one pair for each ((rows, cols) of input, of output); the last is the test."""
    rng = np.random.default_rng(seed)
    pairs = [{"input": make_grid(rng, *a), "output": make_grid(rng, *b)} for a, b in shapes]
    return {
        "task_id": "own",
        "test_index": 0,
        "train": pairs[:-1],
        "test_input": pairs[-1]["input"],
        "test_output": pairs[-1]["output"],
    }


def make_sample(data, **style):
    look = ArcStyle(**style)
    content = Content(data, data["test_output"], {})
    stored = look.model_dump(mode="json")
    instance = make_instance(ARC, content, config={"input": "x"}, style=stored, seed=0, index=0)
    drawn = ARC.render(instance, look, PLAN)
    answer = ARC.answer(instance)
    return Sample("own", instance, {}, answer, drawn.puzzle.rgb(), drawn.solution.rgb())


@pytest.fixture
def puzzle():
    return make_puzzle


@pytest.fixture
def sample():
    return make_sample


@pytest.fixture
def write(tmp_path):
    """Writes tasks {name: task}, names with folders, and returns the folder."""

    def written(tasks):
        for name, task in tasks.items():
            path = tmp_path / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(task if isinstance(task, str) else json.dumps(task))
        return str(tmp_path)

    return written


@pytest.fixture
def task():
    """A task file's content with some test pairs."""

    def made(seed=0, tests=1):
        rng = np.random.default_rng(seed)
        pairs = [
            {"input": make_grid(rng, 3, 3), "output": make_grid(rng, 3, 3)}
            for _ in range(2 + tests)
        ]
        return {"train": pairs[:2], "test": pairs[2:]}

    return made
