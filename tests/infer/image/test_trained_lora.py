"""From training to a score: a LoRA of `vtb train image` is used by `vtb infer image`."""

import json

import pytest
from typer.testing import CliRunner

from vtb.cli.app import app
from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.request import Request, Task

pytestmark = pytest.mark.slow


def test_train_infer_and_eval(tiny_qwen_image, small_mazes, tmp_path):
    task = Task.of("maze-square", {"rows": 7, "cols": 7}, {"cell": 9})
    rule = SplitRule(test=0, validation=0)
    build(Request([task], 1, FramePlan.of(17, 16), False, rule=rule), tmp_path / "train", 4)
    model = str(tiny_qwen_image["qwen-image-edit-2511"])
    recipe = "image/qwen-image-edit-2511-tiny"
    small = ["-s", "train.warmup_steps=0", "--max-steps", "3", "--gpus", "0", "-o", "RUN"]
    run = ["train", "image", "-r", recipe, "--data", str(tmp_path / "train"), "--model", model]
    vtb(tmp_path, *run, "-s", "train.steps=3", *small)
    lora = str(tmp_path / "RUN" / "final" / "lora.safetensors")
    made = ["infer", "image", "--model", model, "--data", str(small_mazes), "--steps", "2"]
    vtb(tmp_path, *made, "-o", "base")
    vtb(tmp_path, *made, "-o", "tuned", "--lora", lora)
    base, tuned = (lines(tmp_path / name) for name in ("base", "tuned"))
    assert [row["seed"] for row in base] == [row["seed"] for row in tuned]
    assert {row["sha256"] for row in base}.isdisjoint(row["sha256"] for row in tuned)
    record = json.loads((tmp_path / "tuned" / "infer.json").read_text())
    assert record["train_buckets"] == [0, 1000]
    judged = ["eval", "puzzles", "--data", str(small_mazes), "--pred", str(tmp_path / "tuned")]
    results = json.loads(vtb(tmp_path, *judged, "--json"))
    assert (results["n"], results["kinds"]["image"]["n"]) == (4, 4)


def vtb(directory, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def lines(pred):
    return [json.loads(line) for line in (pred / "predictions.jsonl").read_text().splitlines()]
