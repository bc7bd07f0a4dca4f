import json
import shutil

import cv2
import pytest

from vtb.core.errors import ConflictError, LockedError, UsageError
from vtb.core.files import read_json
from vtb.eval import puzzles, scoring
from vtb.run.lock import output_lock


def write_truths(folder, samples):
    folder.mkdir(exist_ok=True)
    for sample in samples:
        (folder / f"{sample.id}.mp4").write_bytes(sample.video)
    return folder


def rows_of(out):
    return [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]


@pytest.fixture
def pred(tmp_path, mazes):
    return write_truths(tmp_path / "pred", mazes)


def test_oracle_passes_and_unchanged_does_not(score, tmp_path):
    oracle = score(baseline="oracle").results
    assert (oracle["n"], oracle["accuracy"], oracle["reasons"]) == (12, 1.0, {"ok": 12})
    unchanged = score(baseline="unchanged", out=tmp_path / "unchanged").results
    assert (unchanged["accuracy"], unchanged["reasons"]) == (0.0, {"no_answer": 12})
    assert unchanged["ci95"][0] == 0 and unchanged["chance"] == 0


def test_straight_scores_the_share_of_solutions_without_a_turn(score, mazes):
    results = score(baseline="straight").results
    without_turn = sum(sample.instance.difficulty["turns"] == 0 for sample in mazes)
    assert 0 < without_turn < len(mazes)
    assert results["passed"] == without_turn
    assert results["straight"] == results["accuracy"] == without_turn / len(mazes)


def test_the_straight_line_is_reported_for_any_prediction(score, mazes, pred, tmp_path):
    alone = score(baseline="unchanged", out=tmp_path / "unchanged").results["straight"]
    (pred / f"{mazes[0].id}.mp4").unlink()
    assert score(pred=pred).results["straight"] == alone > 0


def test_results_file_is_the_json(score, pred, tmp_path, maze_set):
    result = score(pred=pred)
    assert result.scored == 12 and result.results["accuracy"] == 1.0
    assert read_json(tmp_path / "eval" / "results.json") == result.results
    assert result.results["schema"] == "vtb.eval.puzzles/1"
    assert result.results["data"]["path"] == str(maze_set)
    assert result.results["by_task"]["maze_square"]["details"]["legal_prefix"] == 1.0
    assert result.results["kinds"]["video"]["n"] == 12
    assert result.report.is_file()


def test_missing_and_truncated_predictions(score, pred, mazes):
    (pred / f"{mazes[0].id}.mp4").unlink()
    cut = pred / f"{mazes[1].id}.mp4"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    results = score(pred=pred).results
    assert results["reasons"] == {"ok": 10, "unreadable": 1, "missing_prediction": 1}
    assert (results["n"], results["passed"], results["n_missing"]) == (12, 10, 1)
    assert results["accuracy_answered"] == pytest.approx(10 / 11)
    assert (
        str(cut)
        in next(r for r in rows_of(pred.parent / "eval") if r["reason"] == "unreadable")["details"][
            "error"
        ]
    )


def test_skip_leaves_missing_out(score, pred, mazes):
    (pred / f"{mazes[0].id}.mp4").unlink()
    results = score(pred=pred, missing="skip").results
    assert (results["n"], results["accuracy"], results["n_missing"]) == (11, 1.0, 1)


def test_text_and_image_predictions(score, tmp_path, mazes):
    pred = tmp_path / "pred"
    pred.mkdir()
    for sample in mazes[:6]:
        (pred / f"{sample.id}.txt").write_text(f"<answer>{sample.answer}</answer>")
    for sample in mazes[3:]:
        cv2.imwrite(str(pred / f"{sample.id}.png"), sample.puzzle[..., ::-1])
    results = score(pred=pred).results
    assert {kind: (k["n"], k["passed"]) for kind, k in results["kinds"].items()} == {
        "image": (9, 0),
        "text": (3, 3),
    }
    texts = score(pred=pred, kind="text", out=tmp_path / "texts").results
    assert (texts["passed"], texts["n_missing"]) == (6, 6)


def test_a_complete_evaluation_is_left_alone(score, pred, tmp_path):
    first = score(pred=pred)
    files = {path: path.read_bytes() for path in (tmp_path / "eval").iterdir() if path.is_file()}
    again = score(pred=pred)
    assert again.scored == 0 and again.results == first.results
    assert files == {p: p.read_bytes() for p in (tmp_path / "eval").iterdir() if p.is_file()}


def test_only_a_changed_prediction_is_scored_again(score, pred, mazes, tmp_path):
    score(pred=pred)
    target = pred / f"{mazes[2].id}.mp4"
    target.write_bytes((pred / f"{mazes[3].id}.mp4").read_bytes())
    again = score(pred=pred)
    assert again.scored == 1
    rows = rows_of(tmp_path / "eval")
    assert sorted(row["sample_id"] for row in rows) == sorted(sample.id for sample in mazes)


def test_a_new_evaluator_version_scores_everything_again(score, pred, monkeypatch):
    score(pred=pred)
    monkeypatch.setattr(puzzles, "VERSION", puzzles.VERSION + 1)
    assert score(pred=pred).scored == 12


def test_interrupted_scoring_goes_on(score, pred, mazes, tmp_path, monkeypatch):
    class Stop(BaseException):
        pass

    real, seen = puzzles.append_score, []

    def stop_after_five(path, one):
        if len(seen) == 5:
            raise Stop
        seen.append(one)
        real(path, one)

    monkeypatch.setattr(puzzles, "append_score", stop_after_five)
    with pytest.raises(Stop):
        score(pred=pred)
    monkeypatch.undo()
    assert len(rows_of(tmp_path / "eval")) == 5
    assert score(pred=pred).scored == 7
    assert len({row["sample_id"] for row in rows_of(tmp_path / "eval")}) == 12


def test_a_limit_extends_and_never_replaces_larger_results(score, pred, tmp_path):
    assert score(pred=pred, limit=4).results["n"] == 4
    everything = score(pred=pred)
    assert (everything.scored, everything.results["n"]) == (8, 12)
    with pytest.raises(ConflictError, match="results of 12 samples") as caught:
        score(pred=pred, limit=4)
    assert "--limit 4" in caught.value.fact
    assert read_json(tmp_path / "eval" / "results.json") == everything.results
    assert score(pred=pred, limit=99).results["n"] == 12
    assert score(pred=pred, limit=4, force=True).results["n"] == 4


def test_workers_give_the_same_scores(score, pred, tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "MIN_PER_WORKER", 4)
    score(pred=pred, limit=8)
    score(pred=pred, limit=8, workers=2, out=tmp_path / "two")
    assert rows_of(tmp_path / "eval") == rows_of(tmp_path / "two")


def test_overlays_of_failures_are_saved(score, tmp_path):
    score(baseline="unchanged", overlays=3)
    overlays = sorted((tmp_path / "eval" / "overlays").iterdir())
    assert len(overlays) == 3
    assert cv2.imread(str(overlays[0])).shape == (128, 128, 3)


def test_another_configuration_is_a_conflict(score, pred):
    score(baseline="unchanged")
    with pytest.raises(ConflictError, match="other settings") as caught:
        score(pred=pred)
    assert "baseline" in caught.value.fact
    assert score(pred=pred, force=True).results["accuracy"] == 1.0


def test_moved_folders_keep_their_scores(score, pred, tmp_path, maze_set):
    score(pred=pred)
    pred.rename(tmp_path / "moved")
    shutil.copytree(maze_set, tmp_path / "set")
    again = score(pred=tmp_path / "moved", data=tmp_path / "set")
    assert again.scored == 0
    assert read_json(tmp_path / "eval" / "eval.json")["pred"] == str(tmp_path / "moved")


@pytest.mark.parametrize(("buckets", "count"), [([100, 1000], 1), (None, 0)])
def test_puzzles_that_may_have_been_trained_on_are_warned_of(score, pred, buckets, count):
    (pred / "infer.json").write_text(json.dumps({"train_buckets": buckets}))
    warnings = score(pred=pred, limit=1).warnings
    assert sum("100-999" in warning for warning in warnings) == count


def test_one_writer_and_a_split_that_is_there(score, pred, tmp_path):
    with output_lock(tmp_path / "eval"), pytest.raises(LockedError):
        score(pred=pred)
    with pytest.raises(UsageError, match="no samples in the split `train`"):
        score(pred=pred, split="train")


def test_without_videos_the_oracle_shows_the_solution(tmp_path):
    from vtb.core.frames import FramePlan
    from vtb.core.splits import SplitRule
    from vtb.data.build import build
    from vtb.data.request import Request, Task

    task = Task.of("maze-square", {"rows": 7, "cols": 7}, {"cell": 16})
    rule = SplitRule(test=1000, validation=0)
    build(Request([task], 0, FramePlan.of(17, 16), False, rule=rule), tmp_path / "set", 3)
    request = puzzles.PuzzleEval(tmp_path / "set", tmp_path / "eval", baseline="oracle")
    assert puzzles.evaluate(request).results["accuracy"] == 1.0
