"""The baselines' exact scores over every size and canvas, after H.264 at crf 23."""

import json

import pytest

from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.eval.puzzles import PuzzleEval, evaluate

SAMPLES = 40


@pytest.mark.slow
@pytest.mark.parametrize("canvas", [128, 256, 512])
@pytest.mark.parametrize("size", [5, 7, 9, 13, 17, 21])
def test_baselines(tmp_path, size, canvas):
    task = Task.of(
        "maze-square", {"rows": size, "cols": size, "min_path": 2}, {"canvas": [canvas, canvas]}
    )
    count = 12 if size == 5 else SAMPLES
    request = Request([task], 0, FramePlan.of(17, 16), video=True)
    build(request, tmp_path / "set", count, workers=2)

    def results(baseline):
        shared = {"data": tmp_path / "set", "split": "all", "workers": 2}
        return evaluate(PuzzleEval(out=tmp_path / baseline, baseline=baseline, **shared)).results

    turns = [
        json.loads(text)["turns"] for text in open_dataset(tmp_path / "set").column("difficulty")
    ]
    straight = turns.count(0)
    assert results("oracle")["passed"] == count
    assert results("unchanged")["passed"] == 0
    assert results("straight")["passed"] == straight
