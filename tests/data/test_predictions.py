import hashlib
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtb.core.errors import UnreadableError, VtbError
from vtb.data.predictions import open_predictions

IDS = ["maze-1", "maze-2", "maze-3"]


def write(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def listed(root, *rows):
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write(root / "predictions.jsonl", text.encode())


def name_of(root, sample_id, kind="auto"):
    found = open_predictions(root, IDS).find(sample_id, kind)
    return None if found is None else (found.kind, found.path and found.path[len(str(root)) + 1 :])


def test_list_alone_decides(tmp_path):
    write(tmp_path / "a.mp4", b"video")
    write(tmp_path / "maze-2.png")
    listed(tmp_path, {"sample_id": "maze-1", "kind": "video", "path": "a.mp4", "model": "wan"})
    found = open_predictions(tmp_path, IDS).find("maze-1")
    assert found.model == "wan" and found.sha256 == hashlib.sha256(b"video").hexdigest()
    assert name_of(tmp_path, "maze-2") is None


def test_later_line_replaces_an_earlier_one_of_the_same_kind(tmp_path):
    for name in ("a.png", "b.png", "c.mp4"):
        write(tmp_path / name)
    listed(
        tmp_path,
        {"sample_id": "maze-1", "kind": "image", "path": "a.png"},
        {"sample_id": "maze-1", "kind": "text", "text": "<answer>[1]</answer>"},
        {"sample_id": "maze-1", "kind": "image", "path": "b.png"},
        {"sample_id": "maze-2", "kind": "text", "text": "one"},
        {"sample_id": "maze-2", "kind": "video", "path": "c.mp4"},
    )
    assert name_of(tmp_path, "maze-1") == ("image", "b.png")
    assert open_predictions(tmp_path, IDS).find("maze-1", "text").text == "<answer>[1]</answer>"
    assert name_of(tmp_path, "maze-2") == ("video", "c.mp4")
    assert name_of(tmp_path, "maze-2", "image") is None


def test_torn_line_and_absent_file_are_warnings(tmp_path):
    listed(tmp_path, {"sample_id": "maze-1", "kind": "image", "path": "gone.png"})
    with (tmp_path / "predictions.jsonl").open("a") as file:
        file.write('{"sample_id": "maze-2", "ki')
    predictions = open_predictions(tmp_path, IDS)
    assert predictions.find("maze-1") is None and predictions.find("maze-2") is None
    assert any("gone.png" in warning for warning in predictions.warnings)
    assert any("line 2" in warning and "torn" in warning for warning in predictions.warnings)


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a/../../x.png", "..\\x.png"])
def test_a_list_cannot_name_files_outside(tmp_path, path):
    write(tmp_path / "x.png")
    write(tmp_path / "pred" / "a" / "x.png")
    listed(tmp_path / "pred", {"sample_id": "maze-1", "kind": "image", "path": path})
    with pytest.raises(UnreadableError, match="line 1"):
        open_predictions(tmp_path / "pred", IDS)


@pytest.mark.parametrize("sample_id", ["../secret", "/secret", "..", "a/b"])
def test_ids_form_no_paths(tmp_path, sample_id):
    write(tmp_path / "secret.png")
    write(tmp_path / "pred" / "a" / "b.png")
    assert open_predictions(tmp_path / "pred", [sample_id]).find(sample_id) is None


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "image", "path": "a.png"},
        {"sample_id": "maze-1", "kind": "arrays", "path": "a.npy"},
        {"sample_id": "maze-1", "kind": "image"},
        {"sample_id": "maze-1", "kind": "video", "text": "no path"},
        ["maze-1"],
    ],
)
def test_a_wrong_line_is_named(tmp_path, row):
    listed(tmp_path, row)
    with pytest.raises(UnreadableError, match="line 1"):
        open_predictions(tmp_path, IDS)


def test_files_named_by_id(tmp_path):
    write(tmp_path / "maze-1.mp4")
    write(tmp_path / "maze-1.txt", "答案".encode())
    write(tmp_path / "maze-2.jpg")
    write(tmp_path / "maze-2.png")
    write(tmp_path / "infer.json")
    write(tmp_path / ".vtb.lock")
    assert name_of(tmp_path, "maze-1") == ("video", "maze-1.mp4")
    assert open_predictions(tmp_path, IDS).find("maze-1", "text").text == "答案"
    assert name_of(tmp_path, "maze-2") == ("image", "maze-2.png")
    assert name_of(tmp_path, "maze-3") is None
    assert not open_predictions(tmp_path, IDS).warnings


def test_videothinkbench_folders(tmp_path):
    write(tmp_path / "maze-1" / "clip.mp4")
    write(tmp_path / "maze-1" / "output.png")
    write(tmp_path / "maze-1" / "generated.png")
    write(tmp_path / "maze-1" / "content.txt", b"text")
    write(tmp_path / "maze-2" / "anything.png")
    write(tmp_path / "maze-3" / "one.png")
    write(tmp_path / "maze-3" / "two.png")
    assert name_of(tmp_path, "maze-1") == ("video", "maze-1/clip.mp4")
    assert name_of(tmp_path, "maze-1", "image") == ("image", "maze-1/generated.png")
    assert name_of(tmp_path, "maze-1", "text") == ("text", "maze-1/content.txt")
    assert name_of(tmp_path, "maze-2") == ("image", "maze-2/anything.png")
    assert name_of(tmp_path, "maze-3") is None


def test_a_file_goes_before_a_folder(tmp_path):
    write(tmp_path / "maze-1.png")
    write(tmp_path / "maze-1" / "last_frame.png")
    assert name_of(tmp_path, "maze-1") == ("image", "maze-1.png")


def test_files_of_no_sample_are_a_warning(tmp_path):
    write(tmp_path / "maze-1.png")
    write(tmp_path / "maze-9.png")
    write(tmp_path / "eval-puzzles" / "overlays.png")
    (warning,) = open_predictions(tmp_path, IDS).warnings
    assert "maze-9.png" in warning and "eval-puzzles" not in warning


def test_no_folder(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        open_predictions(tmp_path / "absent", IDS)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_list_is_read_or_refused(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("pred")
    write(root / "predictions.jsonl", text.encode("utf-8", "replace"))
    with suppress(VtbError):
        open_predictions(root, IDS)
