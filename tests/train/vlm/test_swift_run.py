"""`vtb train vlm` with ms-swift, from the command line to the final weights."""

import json
import subprocess
import sys

import pytest

from vtb.core.files import read_json_lines
from vtb.models.check import check

pytest.importorskip("swift")
pytestmark = pytest.mark.slow


@pytest.fixture
def puzzles(tmp_path):
    made = run_vtb("gen", "eyeballing", "--task", "midpoint", "--canvas", "256x256", "--no-video",
            "-n", "40", "--split", "train", "-o", tmp_path / "puzzles")  # fmt: skip
    assert made.returncode == 0, made.stderr
    return tmp_path / "puzzles"


def run_vtb(*args):
    words = [str(word) for word in args]
    return subprocess.run(
        [sys.executable, "-m", "vtb", *words], capture_output=True, text=True, timeout=240
    )


def train(recipe, data, model, run, *more):
    return run_vtb("train", "vlm", "-r", f"vlm/{recipe}", "--data", data, "--model", model,
                   "-o", run, "--backend", "ms-swift", "--gpus", "0", "--json", *more)  # fmt: skip


def test_sft_goes_on_where_it_stopped_and_grpo_follows(puzzles, tiny_qwen3_vl, tmp_path):
    sft = ("qwen3-vl-tiny-sft", puzzles, tiny_qwen3_vl, tmp_path / "sft", "-s", "train.steps=6")
    first = train(*sft, "--max-steps", "3")
    assert first.returncode == 0, first.stderr
    assert [event["step"] for event in read_json_lines(tmp_path / "sft" / "events.jsonl")] == [
        1, 2, 3,
    ]  # fmt: skip
    second = train(*sft)
    assert second.returncode == 0, second.stderr
    events = read_json_lines(tmp_path / "sft" / "events.jsonl")
    assert [event["step"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert check(tmp_path / "sft" / "final").ok
    assert not (tmp_path / "sft" / "completions.jsonl").exists()
    repeat = train(*sft)
    assert json.loads(repeat.stdout)["steps"] == 6

    grpo = ("qwen3-vl-tiny-grpo", puzzles, tmp_path / "sft" / "final", tmp_path / "grpo")
    short = ("-s", "train.steps=2", "-s", "preflight.prompts=0")
    ran = train(*grpo, *short)
    assert ran.returncode == 0, ran.stderr
    rows = read_json_lines(tmp_path / "grpo" / "completions.jsonl")
    assert {row["step"] for row in rows} == {1, 2}
    assert {"vtb_id", "text", "parts", "status"} <= rows[0].keys()
    assert check(tmp_path / "grpo" / "final").ok


def test_a_random_model_is_stopped_before_it_trains(puzzles, tiny_qwen3_vl, tmp_path):
    few = ("-s", "preflight.prompts=2", "-s", "preflight.generations=2")
    ran = train("qwen3-vl-tiny-grpo", puzzles, tiny_qwen3_vl, tmp_path / "run", *few)
    assert ran.returncode == 2, ran.stderr
    assert (tmp_path / "run" / "preflight.json").is_file()
    assert not (tmp_path / "run" / "checkpoints").exists()
