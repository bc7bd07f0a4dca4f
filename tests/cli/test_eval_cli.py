import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vtb.cli.evaluate import app
from vtb.core.errors import UsageError


@pytest.fixture
def puzzles(maze_set: Path, tmp_path: Path):
    def run(*arguments):
        out = ["--out", str(tmp_path / "eval")]
        return CliRunner().invoke(app, ["puzzles", "--data", str(maze_set), *out, *arguments])

    return run


def test_json_has_the_keys_of_the_contract_and_only_them_on_stdout(puzzles, tmp_path):
    result = puzzles("--baseline", "straight", "--json")
    assert result.exit_code == 0
    value = json.loads(result.stdout)
    assert value["schema"] == "vtb.eval.puzzles/1"
    assert {
        "n",
        "passed",
        "accuracy",
        "ci95",
        "chance",
        "accuracy_centred",
        "accuracy_answered",
        "n_missing",
        "by_task",
        "reasons",
        "kinds",
        "results",
        "data",
        "prediction",
    } <= value.keys()
    assert value["accuracy"] == value["passed"] / value["n"]
    assert sum(value["reasons"].values()) == value["n"] == 12
    assert value["results"] == str(tmp_path / "eval" / "results.json")
    assert json.loads(Path(value["results"]).read_text()) == value


def test_text_says_what_was_scored_and_that_nothing_is_left(puzzles):
    first = puzzles("--baseline", "unchanged")
    assert "scored 12: 0 of 12 passed" in first.stdout and "no_answer" in first.stdout
    again = puzzles("--baseline", "unchanged")
    assert again.exit_code == 0 and "already complete" in again.stdout


def test_fail_under_ends_with_3_after_writing(puzzles, tmp_path):
    assert puzzles("--baseline", "unchanged", "--fail-under", "0.5").exit_code == 3
    assert (tmp_path / "eval" / "results.json").exists()
    assert puzzles("--baseline", "unchanged", "--fail-under", "0").exit_code == 0


def test_warnings_go_to_stderr(puzzles, tmp_path):
    pred = tmp_path / "pred"
    pred.mkdir()
    (pred / "stray.png").write_bytes(b"x")
    result = puzzles("--pred", str(pred), "--json")
    assert "stray.png" in result.stderr
    assert json.loads(result.stdout)["n_missing"] == 12


@pytest.mark.parametrize("arguments", [[], ["--pred", "x", "--baseline", "oracle"]])
def test_exactly_one_thing_is_scored(puzzles, arguments):
    result = puzzles(*arguments)
    assert isinstance(result.exception, UsageError)


@pytest.mark.parametrize(
    "arguments", [["--baseline", "magic"], ["--kind", "sound"], ["--fail-under", "50"]]
)
def test_unknown_values_are_usage_errors(puzzles, arguments):
    assert puzzles(*arguments).exit_code == 2


def test_the_other_rule_writes_elsewhere_and_names_ours_beside(maze_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["puzzles", "--data", str(maze_set), "--baseline", "straight"]
    ours = CliRunner().invoke(app, arguments)
    other = CliRunner().invoke(app, [*arguments, "--rule", "videothinkbench"])
    assert ours.exit_code == other.exit_code == 0
    assert "by our rule" in other.stdout and "by our rule" not in ours.stdout
    places = {path.name for path in (tmp_path / "eval").iterdir()}
    assert places == {"mazes-straight", "mazes-straight-videothinkbench"}
