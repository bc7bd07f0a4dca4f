import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vtb.core import files
from vtb.core.errors import DiskError, UnreadableError


def leftovers(directory: Path) -> list[str]:
    return [p.name for p in directory.iterdir() if p.name.startswith(".")]


def test_success(tmp_path):
    files.atomic_write(tmp_path / "sub" / "a.txt", "x")
    assert (tmp_path / "sub" / "a.txt").read_text() == "x"
    assert not leftovers(tmp_path / "sub")


def test_failing_writer_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("place", ["fsync", "replace", "write"])
def test_full_disk(tmp_path, monkeypatch, place):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if place == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif place == "replace":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskError, match="disk is full"):
        files.atomic_write(target, b"new")
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert not leftovers(tmp_path)


def test_concurrent_writers_leave_one_whole_version(tmp_path):
    target = tmp_path / "a.txt"
    contents = [str(i) * 10_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: files.atomic_write(target, text), contents))
    assert target.read_text() in contents
    assert not leftovers(tmp_path)


def test_append_mends_a_torn_line(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n{"b"')
    files.append_line(path, '{"c": 3}')
    assert files.read_json_lines(path) == [{"a": 1}, {"c": 3}]


def test_read_json_errors_name_the_path(tmp_path):
    path = tmp_path / "x.json"
    with pytest.raises(UnreadableError, match=r"x\.json"):
        files.read_json(path)
    path.write_text("[1]")
    with pytest.raises(UnreadableError, match=r"x\.json"):
        files.read_json(path)


def test_stale_temporaries_go(tmp_path):
    (tmp_path / ".a.parquet.123.tmp").write_text("half")
    (tmp_path / "a.parquet").write_text("whole")
    files.remove_stale_temporaries(tmp_path, tmp_path / "absent")
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_json_lines_end_at_newlines_only(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": "one\u2028two\x85three"}\n{"b": 2}\n', encoding="utf-8")
    assert files.read_json_lines(path) == [{"a": "one\u2028two\x85three"}, {"b": 2}]


def test_a_file_that_is_not_there_has_no_hash(tmp_path):
    with pytest.raises(UnreadableError, match="absent"):
        files.sha256_file(tmp_path / "absent")


@pytest.fixture
def tree(tmp_path):
    """A directory with a file, one below it, a symbolic link to `blob`, and hidden ones."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / ".cache").mkdir()
    for name in ("a", "sub/b", ".hidden", ".cache/lock", "../blob"):
        (source / name).write_text(name)
    (source / "c").symlink_to("../blob")
    return source


def test_only_what_is_missing_and_not_hidden_is_linked(tree, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "a").write_text("own")
    files.link_missing(tree, target)
    assert {str(path.relative_to(target)) for path in target.rglob("*")} == {
        "a",
        "c",
        "sub",
        "sub/b",
    }
    assert (target / "a").read_text() == "own" and (tree / "a").read_text() == "a"
    assert (target / "sub" / "b").samefile(tree / "sub" / "b")
    assert not (target / "c").is_symlink()
    assert (target / "c").samefile(tmp_path / "blob")


def test_where_there_can_be_no_links_there_are_copies(tree, tmp_path, monkeypatch):
    def refuse(path, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    files.link_missing(tree, tmp_path / "target")
    assert (tmp_path / "target" / "sub" / "b").read_text() == "sub/b"
    assert not (tmp_path / "target" / "sub" / "b").samefile(tree / "sub" / "b")
    assert (tmp_path / "target" / "c").read_text() == "../blob"
