import pytest

from vtb.core.errors import ConflictError
from vtb.data.view import write_view


def test_sheet_has_puzzle_truth_and_clip_of_each_sample(small, tmp_path):
    assert write_view(small, tmp_path / "view.html", limit=5) == 5
    page = (tmp_path / "view.html").read_text()
    assert page.count("<article") == 5 and page.count("<video") == 5 and page.count("<img") == 10
    assert small.ids()[0] in page and "12 samples" in page


def test_one_sample_in_detail(small, tmp_path):
    name = small.ids()[3]
    assert write_view(small, tmp_path / "one.html", sample_id=name) == 1
    page = (tmp_path / "one.html").read_text()
    sample = small.sample(name)
    assert page.count("<article") == 1 and sample.answer in page
    assert sample.prompts["video"].split(".")[0] in page and "fingerprint" in page


def test_predictions_and_their_verdicts_stand_beside(small, tmp_path):
    first, second = list(small.samples(limit=2))
    pred = tmp_path / "pred"
    pred.mkdir()
    (pred / f"{first.id}.txt").write_text(f"<answer>{first.answer}</answer>")
    (pred / f"{second.id}.txt").write_text("<answer>[1, 2]</answer>")
    assert write_view(small, tmp_path / "view.html", predictions=pred, limit=2) == 2
    page = (tmp_path / "view.html").read_text()
    assert page.count('class="badge pass"') == 1 and page.count('class="badge fail"') == 1
    write_view(small, tmp_path / "one.html", sample_id=first.id, predictions=pred)
    assert "<h2>Verdict</h2>" in (tmp_path / "one.html").read_text()


def test_a_foreign_file_is_not_overwritten(tmp_path, small):
    path = tmp_path / "notes.html"
    path.write_text("mine")
    with pytest.raises(ConflictError):
        write_view(small, path, limit=1)
    assert path.read_text() == "mine"
    write_view(small, path, limit=1, force=True)
    write_view(small, path, limit=1)
