"""Puzzles for image models."""

import pytest

pytest.importorskip("diffsynth")


@pytest.fixture(scope="session")
def puzzles(tmp_path_factory):
    """A few mazes without videos, 160 px a side, all of them to train on."""
    from typer.testing import CliRunner

    from vtb.cli.app import app

    path = tmp_path_factory.mktemp("image") / "puzzles"
    words = ["gen", "maze", "--size", "5", "--no-video", "-n", "4", "--split", "train"]
    result = CliRunner().invoke(app, [*words, "-o", str(path), "-q", "-j", "1"])
    assert result.exit_code == 0, result.output
    return path
