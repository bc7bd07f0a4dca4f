"""The whole loop: a smoke chain by default, the full demo when slow tests run."""

import json

import cv2
import pytest
from typer.testing import CliRunner

from vtb.cli.app import app
from vtb.demo import loop

pytest.importorskip("diffsynth")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two small mazes and a single step of training, which changes next to nothing."""
    recipe = tmp_path / "short.toml"
    recipe.write_text(f'extends = "{loop.RECIPE}"\n[train]\nsteps = 1\nwarmup_steps = 0\n')
    sizes = {"TRAIN_SAMPLES": 8, "KNOWN_SAMPLES": 2, "TEST_SAMPLES": 2, "KNOWN_SIZE": 7}
    for name, value in {**sizes, "RECIPE": str(recipe)}.items():
        monkeypatch.setattr(loop, name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def rows(result):
    return {row.name: row for row in result.rows}


def test_the_mini_model_solves_mazes_it_has_never_seen(tmp_path, small):
    announced: list[str] = []
    result = loop.run_demo(tmp_path / "demo", announced.append, workers=1)
    assert result.ok and announced == [step.name for step in result.steps]
    found = rows(result)
    assert found["oracle"].accuracy == 1 and found["unchanged"].accuracy == 0
    assert found["mini"].accuracy == 1 and len(found["mini"].passed) == 2
    assert result.pairs is not None and result.pairs.n == 2
    assert (tmp_path / "demo" / "run" / "final" / "lora.safetensors").is_file()
    sheet = cv2.imread(str(result.sheet))
    assert sheet is not None and sheet.shape[1] == 6 * (loop_tile() + 8) + 8
    page = result.html.read_text()
    assert page.index("<img") < page.index("Results") < page.index("<video")
    for path in (tmp_path / "demo" / "eval").glob("*/report.html"):
        assert f'href="{path.relative_to(tmp_path / "demo")}"' in page
    stored = json.loads((tmp_path / "demo" / "results.json").read_text())
    assert stored["pairs"].keys() == {"n", "improved", "worsened", "p"}
    assert [row["name"] for row in stored["results"]] == list(found)


def loop_tile() -> int:
    from vtb.demo.page import TILE_PX

    return TILE_PX


def test_a_failed_step_is_named_and_ends_with_3(tmp_path, monkeypatch):
    monkeypatch.setattr(
        loop._Demo, "steps", lambda self: {"Fine": lambda: True, "Verify them": lambda: False}
    )
    ran = CliRunner().invoke(app, ["demo", "-o", str(tmp_path / "demo")])
    assert ran.exit_code == 3 and "FAILED: Verify them" in ran.stdout
    assert "Fine" not in ran.stdout


@pytest.mark.slow
def test_a_minute_of_training_teaches_an_unseen_style(tmp_path):
    result = loop.run_demo(tmp_path / "demo", lambda line: None, workers=2)
    found = rows(result)
    assert result.ok and found["mini"].accuracy >= 0.9
    assert found[loop.AFTER].accuracy >= 0.8
    assert result.pairs is not None and result.pairs.p < 0.01
    assert result.pairs.improved > result.pairs.worsened
    again = loop.run_demo(tmp_path / "demo", lambda line: None, workers=2)
    assert again.rows == result.rows
