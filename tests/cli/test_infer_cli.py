import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vtb.cli.infer import app
from vtb.core.errors import UsageError
from vtb.infer import video
from vtb.infer import vlm as texts
from vtb.infer.chat.protocol import ChatResult
from vtb.infer.image import run as pictures


@pytest.fixture
def infer(tiny_wan: Path, maze_set: Path, tmp_path: Path, monkeypatch):
    """`vtb infer video` with a model that repeats the puzzle."""

    def make_frames(orders):
        return [np.repeat(o.fit.apply(o.job.picture)[None], 17, axis=0) for o in orders]

    monkeypatch.setattr(video, "load_model", lambda *_: make_frames)

    def run(*arguments):
        fixed = ["--model", str(tiny_wan), "--data", str(maze_set), "-o", str(tmp_path / "pred")]
        return CliRunner().invoke(app, ["video", *fixed, *arguments])

    return run


def test_json_and_resume(infer, tmp_path):
    first = json.loads(infer("--limit", "2", "--json").stdout)
    assert first.pop("seconds") >= 0
    assert first == {
        "schema": "vtb.infer.video/1",
        "out": str(tmp_path / "pred"),
        "n": 2,
        "done": 2,
        "skipped": 0,
        "failed": 0,
    }
    again = infer("--limit", "2")
    assert again.exit_code == 0 and "already complete" in again.stdout
    assert "vtb eval puzzles" in again.stderr


def test_options_reach_the_record(infer, tmp_path):
    options = ["--steps", "3", "--cfg", "1.5", "--size", "64x96", "--fit", "stretch"]
    options += ["--frames", "17", "--fps", "8", "--seed", "7", "--limit", "1"]
    assert infer(*options).exit_code == 0
    record = json.loads((tmp_path / "pred" / "infer.json").read_text())
    assert (record["steps"], record["cfg"], record["seed"]) == (3, 1.5, 7)
    assert (record["size"], record["fit"]) == ([64, 96], "stretch")
    assert (record["num_frames"], record["fps"]) == (17, 8)


def test_batch(infer, monkeypatch):
    sizes = []

    def make_frames(orders):
        sizes.append(len(orders))
        return [np.repeat(o.fit.apply(o.job.picture)[None], 17, axis=0) for o in orders]

    monkeypatch.setattr(video, "load_model", lambda *_: make_frames)
    assert infer("--size", "64x64", "--batch", "2", "--limit", "3").exit_code == 0
    assert sizes == [2, 1]
    assert infer("--batch", "0").exit_code == 2


def test_failed_clips_end_with_3(infer, monkeypatch):
    def one_frame(orders):
        return [order.fit.apply(order.job.picture)[None] for order in orders]

    monkeypatch.setattr(video, "load_model", lambda *_: one_frame)
    result = infer("--limit", "1", "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["failed"] == 1
    assert "1 frames instead of 17" in result.stderr


@pytest.mark.parametrize("size", ["64", "64*96", "0x64", "axb", "64x"])
def test_a_wrong_size(infer, size):
    result = infer("--size", size)
    assert isinstance(result.exception, UsageError) and "HxW" in result.exception.hint


@pytest.mark.parametrize(("size", "nearest"), [("65x65", "64x64"), ("100x40", "96x32")])
def test_a_size_that_the_model_cannot_make_names_the_nearest(infer, tmp_path, size, nearest):
    error = infer("--size", size).exception
    assert isinstance(error, UsageError) and nearest in error.hint and error.exit_code == 2
    assert not (tmp_path / "pred").exists()


def test_unknown_fit(infer):
    assert infer("--fit", "crop").exit_code == 2


@pytest.fixture
def vlm(maze_set: Path, tmp_path: Path, monkeypatch):
    """`vtb infer vlm` of an endpoint whose every answer is the question's last word."""

    class Echo:
        def complete(self, requests, sampling):
            for request in requests:
                error = None if sampling.temperature < 1 else "400: too hot"
                yield ChatResult(request.id, request.messages[0].text.split()[-1], error=error)

    monkeypatch.setattr(texts, "_backend", lambda request: Echo())

    def run(*arguments):
        fixed = ["--data", str(maze_set), "-o", str(tmp_path / "pred")]
        fixed += ["--base-url", "http://localhost:1/v1", "--served-model", "served"]
        return CliRunner().invoke(app, ["vlm", *fixed, *arguments])

    return run


def test_vlm_json_and_resume(vlm, tmp_path):
    first = json.loads(vlm("--limit", "2", "--json").stdout)
    assert first.pop("seconds") >= 0
    assert first == {
        "schema": "vtb.infer.vlm/1",
        "out": str(tmp_path / "pred"),
        "n": 2,
        "done": 2,
        "skipped": 0,
        "failed": 0,
    }
    again = vlm("--limit", "2")
    assert again.exit_code == 0 and "already complete: 2 answers" in again.stdout
    assert "vtb eval puzzles" in again.stderr


def test_vlm_options_reach_the_record(vlm, tmp_path):
    options = ["--max-tokens", "9", "--temperature", "0.5", "--seed", "7", "--limit", "1"]
    assert vlm(*options).exit_code == 0
    record = json.loads((tmp_path / "pred" / "infer.json").read_text())
    assert (record["max_tokens"], record["temperature"], record["seed"]) == (9, 0.5, 7)
    assert record["served_model"] == "served"


def test_vlm_failures_are_warnings_and_end_with_3(vlm):
    result = vlm("--limit", "1", "--temperature", "1")
    assert result.exit_code == 3
    assert "400: too hot" in result.stderr and "1 failed" in result.stdout


@pytest.fixture
def draw(tiny_qwen_image, maze_set: Path, tmp_path: Path, monkeypatch):
    """`vtb infer image` with a model that repeats the puzzle."""
    monkeypatch.setattr(
        pictures, "load_model", lambda *_: lambda order: order.fit.apply(order.job.picture)
    )

    def run(*arguments):
        model = tiny_qwen_image["qwen-image-edit-2511"]
        fixed = ["--model", str(model), "--data", str(maze_set), "-o", str(tmp_path / "pred")]
        return CliRunner().invoke(app, ["image", *fixed, *arguments])

    return run


def test_pictures_are_made_and_resumed(draw, tmp_path):
    first = json.loads(draw("--limit", "2", "--json").stdout)
    assert first.pop("seconds") >= 0
    assert first == {
        "schema": "vtb.infer.image/1",
        "out": str(tmp_path / "pred"),
        "n": 2,
        "done": 2,
        "skipped": 0,
        "failed": 0,
    }
    again = draw("--limit", "2")
    assert again.exit_code == 0 and "already complete: 2 pictures" in again.stdout
    assert "vtb eval puzzles" in again.stderr


def test_options_of_pictures_reach_the_record(draw, tmp_path):
    options = ["--steps", "3", "--cfg", "1.5", "--seed", "7", "--limit", "1", "--device", "cpu"]
    assert draw(*options).exit_code == 0
    record = json.loads((tmp_path / "pred" / "infer.json").read_text())
    assert (record["steps"], record["cfg"], record["seed"]) == (3, 1.5, 7)
    assert record["device"] == "cpu"
