"""VideoThinkBench folders are evaluated like datasets of ours."""

import json

import pytest

from vtb.core.errors import UsageError
from vtb.data.export import export
from vtb.data.store import open_dataset


@pytest.fixture(scope="module")
def folder(maze_set, tmp_path_factory):
    root = tmp_path_factory.mktemp("foreign") / "minitest"
    export(open_dataset(maze_set), "videothinkbench", root, split="all", language="en")
    return root


@pytest.fixture
def bare(folder, tmp_path):
    """A single task's folder with the fields of the benchmark alone; spoilt as told."""

    def make(spoil=lambda records: None):
        root = tmp_path / "maze_square"
        root.symlink_to(folder / "tasks" / "maze_square")
        records = json.loads((root / "data.json").read_text(encoding="utf-8"))
        for record in records:
            del record["instance"], record["fingerprint"]
        spoil(records)
        copied = tmp_path / "bare" / "maze_square"
        copied.mkdir(parents=True)
        for name in ("puzzles", "solutions", "reasoning"):
            (copied / name).symlink_to(root / name)
        (copied / "data.json").write_text(json.dumps(records), encoding="utf-8")
        return copied

    return make


@pytest.fixture
def pred(tmp_path, mazes):
    """One folder per sample, as its tools leave them: right, wrong and absent in turn."""
    for turn, sample in enumerate(mazes):
        place = tmp_path / "pred" / sample.id
        place.mkdir(parents=True)
        if turn % 3 == 0:
            (place / "solved.mp4").write_bytes(sample.video)
        if turn % 3 == 1:
            (place / "content.txt").write_text("<answer>[1, 2]</answer>")
    return tmp_path / "pred"


def test_a_folder_scores_as_its_dataset_does(score, folder, bare, pred, tmp_path):
    ours = score(pred=pred).results
    with_instances = score(pred=pred, data=folder, out=tmp_path / "a").results
    without = score(pred=pred, data=bare(), out=tmp_path / "b").results
    assert (ours["n"], ours["passed"], ours["n_missing"]) == (12, 4, 4)
    for results in (with_instances, without):
        assert {key: results[key] for key in ("passed", "reasons", "kinds", "straight")} == {
            key: ours[key] for key in ("passed", "reasons", "kinds", "straight")
        }
    assert with_instances["data"]["split"] == "test"
    assert with_instances["data"]["skipped"] == ours["data"]["skipped"] == {}


@pytest.mark.parametrize("baseline", ["oracle", "unchanged", "straight"])
def test_baselines_need_no_dataset_of_ours(score, bare, baseline):
    results = score(baseline=baseline, data=bare()).results
    assert results["n"] == 12
    assert (results["accuracy"] == 1) is (baseline == "oracle")


def test_what_was_left_out_and_what_could_not_be_judged_is_said(score, bare):
    def spoil(records):
        records[0]["task_type"] = "text_math"
        records[1]["padding"] = [0, 0, 0, 0]

    result = score(baseline="oracle", data=bare(spoil))
    results = result.results
    assert results["data"]["skipped"] == {"unknown task text_math": 1}
    assert (results["n"], results["passed"], results["n_unscored"]) == (10, 10, 1)
    said = " ".join(result.warnings)
    assert "no splits: all its 11 samples count as `test`" in said
    assert "text_math (1)" in said and "without a score: 1" in said and "px make" in said
    assert "text_math (1)" in result.report.read_text(encoding="utf-8")


def test_splits_all_and_test_are_the_same_and_others_are_empty(score, folder, tmp_path):
    everything = score(baseline="unchanged", data=folder, split="all", out=tmp_path / "all").results
    assert everything["n"] == 12
    with pytest.raises(UsageError, match="no samples in the split `train`") as caught:
        score(baseline="unchanged", data=folder, split="train")
    assert caught.value.fact == "test 12"


def test_any_model_may_have_seen_foreign_puzzles(score, folder, pred):
    (pred / "infer.json").write_text(json.dumps({"train_buckets": [100, 1000]}))
    assert any("100-999" in warning for warning in score(pred=pred, data=folder).warnings)


def test_scores_of_a_folder_are_resumed(score, folder, pred):
    score(pred=pred, data=folder)
    assert score(pred=pred, data=folder).scored == 0
