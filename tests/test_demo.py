"""The whole loop: a smoke chain by default, the full demo when slow tests run."""

import json

import pytest

from vtb import demo

pytest.importorskip("diffsynth")


def check(result: demo.DemoResult) -> None:
    rows = {row.name: row for row in result.rows}
    assert result.ok
    assert rows["oracle"].accuracy == 1
    assert rows["unchanged"].accuracy == 0
    assert rows["tiny-model before training"].loss is not None
    assert "random weights" in result.html.read_text()
    assert json.loads((result.out / "results.json").read_text())["html"] == str(result.html)
    assert (result.out / "run" / "final" / "lora.safetensors").is_file()
    assert len(list((result.out / "after").glob("*.mp4"))) == demo.TEST_SAMPLES


def test_smoke_chain(tmp_path, monkeypatch):
    for name, value in {"TRAIN_SAMPLES": 6, "TEST_SAMPLES": 2, "TRAIN_STEPS": 4}.items():
        monkeypatch.setattr(demo, name, value)
    steps: list[str] = []
    result = demo.run_demo(tmp_path / "demo", steps.append, workers=1)
    check(result)
    assert len(steps) == len(result.steps) == 6


@pytest.mark.slow
def test_full_demo_lowers_the_loss_and_repeats_at_once(tmp_path):
    result = demo.run_demo(tmp_path / "demo", lambda line: None, workers=2)
    check(result)
    rows = {row.name: row for row in result.rows}
    before, after = rows["tiny-model before training"], rows["tiny-model after training"]
    assert before.loss is not None and after.loss is not None and after.loss < before.loss
    again = demo.run_demo(tmp_path / "demo", lambda line: None, workers=2)
    assert again.rows == result.rows
