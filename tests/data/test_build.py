import json
from dataclasses import replace
from pathlib import Path

import pytest

from vtb.core.errors import CapacityError, ConflictError, LockedError, UnreadableError, UsageError
from vtb.core.splits import SplitRule
from vtb.data.build import build, rehearse
from vtb.data.shards import read_manifest
from vtb.data.store import open_dataset
from vtb.run.lock import output_lock


def rows(out, columns=("id", "index", "split", "instance")):
    return sorted(open_dataset(out).rows(columns=list(columns)), key=lambda row: row["index"])


def test_two_builds_are_byte_identical(tmp_path, request_of, content_of):
    request = request_of(video=True)
    for name in ("a", "b"):
        build(request, tmp_path / name, 6)
    assert content_of(tmp_path / "a") == content_of(tmp_path / "b")


def test_workers_and_shard_size_change_no_row(tmp_path, request_of):
    request = request_of(video=True)
    build(request, tmp_path / "a", 24, workers=1, shard_size=256)
    build(request, tmp_path / "b", 24, workers=2, shard_size=7)
    columns = ("id", "index", "split", "instance", "image", "solution", "video", "prompt")
    assert rows(tmp_path / "a", columns) == rows(tmp_path / "b", columns)
    assert len({shard.first for shard in read_manifest(tmp_path / "b")}) == 4


def test_prefix_and_extension(tmp_path, request_of):
    request = request_of()
    build(request, tmp_path / "long", 60)
    build(request, tmp_path / "grown", 20)
    before = {
        s.file: (tmp_path / "grown" / s.file).stat() for s in read_manifest(tmp_path / "grown")
    }
    result = build(request, tmp_path / "grown", 60)
    assert result.made == 40 and result.count == 60
    for name, stat in before.items():
        now = (tmp_path / "grown" / name).stat()
        assert (now.st_mtime_ns, now.st_ino) == (stat.st_mtime_ns, stat.st_ino)
    assert rows(tmp_path / "grown") == rows(tmp_path / "long")


def test_again_is_already_complete(tmp_path, request_of, content_of):
    build(request_of(), tmp_path, 20)
    before = content_of(tmp_path)
    result = build(request_of(), tmp_path, 20)
    assert result.made == 0 and result.count == 20 and result.unique == 20
    assert content_of(tmp_path) == before
    assert build(request_of(), tmp_path, 5).count == 20


def test_all_distinct_and_no_symmetric_twin_in_two_splits(tmp_path, request_of):
    for seed in (0, 1):
        build(request_of(size=5, seed=seed), tmp_path / str(seed), 12)
        build(request_of(size=7, seed=seed), tmp_path / f"7-{seed}", 300)
    splits: dict[str, set[str]] = {}
    for out in tmp_path.iterdir():
        found = rows(out)
        # Not the ids: those of further drawings of one puzzle differ by a suffix.
        fingerprints = [json.loads(row["instance"])["fingerprint"] for row in found]
        assert len(set(fingerprints)) == len(found)
        for row in found:
            canonical = json.loads(row["instance"])["canonical"]
            splits.setdefault(canonical, set()).add(row["split"])
    assert all(len(names) == 1 for names in splits.values())


def test_above_capacity_stops_before_anything_is_written(tmp_path, request_of):
    with pytest.raises(CapacityError, match="5,376"):
        build(request_of(), tmp_path / "out", 5377)
    assert not (tmp_path / "out").exists()


def test_running_out_stops_before_anything_is_drawn(tmp_path, request_of):
    # 2x2 rooms have 12 puzzles in two classes of symmetric ones: hardly any are test puzzles.
    with pytest.raises(CapacityError, match="no fresh sample"):
        build(request_of(size=5, split="test"), tmp_path / "out", 12)
    assert not (tmp_path / "out").exists()


def test_duplicates_get_their_own_ids(tmp_path, request_of):
    result = build(request_of(size=5, duplicates=True), tmp_path, 40)
    ids = [row["id"] for row in rows(tmp_path)]
    assert result.count == 40 and result.unique <= 12
    assert len(set(ids)) == 40 and any(name.endswith("-s1") for name in ids)
    again = build(request_of(size=5, duplicates=True), tmp_path, 80)
    assert again.count == 80 and len(set(open_dataset(tmp_path).ids())) == 80


def test_one_split_only(tmp_path, request_of):
    result = build(request_of(size=9, split="test"), tmp_path, 30)
    assert result.splits == {"train": 0, "validation": 0, "test": 30}
    assert {shard.split for shard in read_manifest(tmp_path)} == {"test"}


def test_other_settings_conflict_and_force_replaces(tmp_path, request_of):
    build(request_of(), tmp_path, 10)
    with pytest.raises(ConflictError, match="seed is 0 there, 1 now"):
        build(request_of(seed=1), tmp_path, 10)
    assert rows(tmp_path)[0]["index"] == 0
    build(request_of(seed=1), tmp_path, 10, force=True)
    assert json.loads(rows(tmp_path)[0]["instance"])["seed"] == 1


def test_a_foreign_directory_is_left_alone(tmp_path, request_of):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConflictError, match=r"thesis\.txt"):
        build(request_of(), tmp_path, 10, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_locked(tmp_path, request_of):
    with output_lock(tmp_path / "out"), pytest.raises(LockedError):
        build(request_of(), tmp_path / "out", 5)


def test_a_lost_shard_is_made_again(tmp_path, request_of, content_of):
    build(request_of(), tmp_path, 30, shard_size=10)
    before = content_of(tmp_path)
    (tmp_path / "data" / "train-000010-000019.parquet").unlink()
    result = build(request_of(), tmp_path, 30, shard_size=10)
    assert result.made == 10
    assert content_of(tmp_path) == before


def test_rehearsal_writes_nothing_and_foretells_the_splits(tmp_path, request_of):
    foretold = rehearse(request_of(), 50)
    assert foretold.splits == build(request_of(), tmp_path, 50).splits


def test_a_kill_before_the_last_files_is_mended(tmp_path, request_of, content_of):
    build(request_of(), tmp_path, 30, shard_size=10)
    before = content_of(tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(reversed(manifest.read_text().splitlines(keepends=True))))
    (tmp_path / "preview.png").unlink()
    assert build(request_of(), tmp_path, 30, shard_size=10).made == 0
    assert content_of(tmp_path) == before


def test_force_keeps_what_does_not_differ(tmp_path, request_of):
    build(request_of(), tmp_path, 10)
    assert build(request_of(), tmp_path, 10, force=True).made == 0


def test_a_shard_made_again_before_a_kill_counts_once(tmp_path, request_of, content_of):
    build(request_of(), tmp_path, 30, shard_size=10)
    before = content_of(tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(manifest.read_text() + manifest.read_text().splitlines(keepends=True)[0])
    assert open_dataset(tmp_path).count() == 30
    assert build(request_of(), tmp_path, 30, shard_size=10).made == 0
    assert content_of(tmp_path) == before


def test_a_kill_after_the_first_byte_is_no_foreign_directory(tmp_path, request_of):
    (tmp_path / ".request.json.0123.tmp").write_text("{")
    (tmp_path / ".vtb.lock").touch()
    assert build(request_of(), tmp_path, 5).count == 5


def test_a_kill_while_force_clears_can_be_forced_again(tmp_path, request_of, monkeypatch):
    build(request_of(), tmp_path / "out", 10)
    build(request_of(seed=1), tmp_path / "straight", 10)
    unlink, calls = Path.unlink, []

    def killed(path, missing_ok=False):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            build(request_of(seed=1), tmp_path / "out", 10, force=True)
    build(request_of(seed=1), tmp_path / "out", 10, force=True)
    assert rows(tmp_path / "out") == rows(tmp_path / "straight")
    assert {path.name for path in (tmp_path / "out" / "data").iterdir()} == {
        path.name for path in (tmp_path / "straight" / "data").iterdir()
    }


def test_a_manifest_cannot_name_files_outside(tmp_path, request_of):
    build(request_of(), tmp_path / "out", 5)
    manifest = tmp_path / "out" / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"data/', '"../'))
    with pytest.raises(UnreadableError, match="is no shard"):
        build(request_of(seed=1), tmp_path / "out", 5, force=True)


def test_a_shard_without_manifest_line_is_not_left(tmp_path, request_of):
    build(request_of(), tmp_path, 30, shard_size=10)
    manifest = tmp_path / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if '"first":20' not in line))
    assert build(request_of(), tmp_path, 50, shard_size=15).made == 30
    listed = {shard.file for shard in read_manifest(tmp_path)}
    assert {f"data/{path.name}" for path in (tmp_path / "data").iterdir()} == listed


def test_a_small_split_gets_attempts_in_proportion(tmp_path, request_of):
    request = replace(request_of(size=9), rule=SplitRule(test=1, validation=1), split="test")
    assert build(request, tmp_path, 3).splits["test"] == 3
    empty = replace(request, rule=SplitRule(test=0, validation=1))
    with pytest.raises(UsageError, match="no share"):
        rehearse(empty, 1)
