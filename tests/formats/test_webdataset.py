import json
import tarfile
from dataclasses import replace
from itertools import groupby

import pytest

from vtb.data.export import export
from vtb.data.rows import instance_from_json
from vtb.formats import webdataset
from vtb.formats.record import Record


def read(path):
    """The samples of a tar as a stream reader groups them: neighbours with one key."""
    with tarfile.open(path) as tar:
        members = [(*m.name.split(".", 1), tar.extractfile(m).read()) for m in tar]
    return [
        (key, {suffix: content for _, suffix, content in group})
        for key, group in groupby(members, key=lambda member: member[0])
    ]


@pytest.fixture(scope="module")
def records(mazes):
    return [
        Record(
            id=row["id"],
            split="train",
            instance=instance_from_json(row["instance"]),
            prompts={"video": row["prompt"], "image": "", "vlm": ""},
            answer=row["answer"],
            puzzle=row["image"]["bytes"],
            solution=row["solution"]["bytes"],
            reasoning=row["image_vlm"]["bytes"],
            video=row["video"]["bytes"],
        )
        for row in mazes.rows()
    ]


def written(records, root, **limits):
    root.mkdir()
    webdataset.write(records, root, **limits)
    return {path.name: read(path) for path in sorted(root.iterdir())}


def test_every_split_has_its_samples_whole(mazes, tmp_path):
    export(mazes, "webdataset", tmp_path / "out", split="all", language="en")
    rows = {row["id"]: row for row in mazes.rows()}
    found = {}
    for path in (tmp_path / "out").glob("*.tar"):
        split, number = path.stem.split("-")
        assert number == "000000"
        samples = read(path)
        assert [key for key, _ in samples] == mazes.ids(split)
        found |= dict(samples)
    assert set(found) == set(rows)
    for key, sample in found.items():
        row = rows[key]
        assert list(sample) == ["image.png", "image_vlm.png", "json", "solution.png", "video.mp4"]
        for suffix, column in (
            ("image.png", "image"),
            ("image_vlm.png", "image_vlm"),
            ("solution.png", "solution"),
            ("video.mp4", "video"),
        ):
            assert sample[suffix] == row[column]["bytes"]
        described = json.loads(sample["json"])
        assert described["answer"] == row["answer"] and described["split"] == row["split"]
        assert described["prompts"]["vlm"] == row["prompt_vlm"]
        assert described["instance"] == json.loads(row["instance"])


def test_a_file_ends_at_its_number_of_samples(records, tmp_path):
    tars = written(records, tmp_path / "out", max_samples=2)
    assert [len(samples) for samples in tars.values()] == [2, 2, 1]
    assert list(tars) == [f"train-00000{n}.tar" for n in range(3)]
    assert [key for samples in tars.values() for key, _ in samples] == [r.id for r in records]


def test_a_file_ends_before_it_is_too_large(records, tmp_path):
    sizes = [
        sum(len(content) for content in sample.values())
        for _, sample in written(records, tmp_path / "a")["train-000000.tar"]
    ]
    tars = written(records, tmp_path / "b", max_bytes=sum(sizes[:3]))
    assert len(tars["train-000000.tar"]) == 3
    tiny = written(records, tmp_path / "c", max_bytes=1)
    assert [len(samples) for samples in tiny.values()] == [1] * len(records)


def test_splits_are_numbered_apart(records, tmp_path):
    mixed = [replace(r, split=("train", "test")[i % 2]) for i, r in enumerate(records)]
    tars = written(mixed, tmp_path / "out", max_samples=2)
    sizes = {name: len(samples) for name, samples in tars.items()}
    assert sizes == {"test-000000.tar": 2, "train-000000.tar": 2, "train-000001.tar": 1}


def test_members_tell_neither_time_nor_owner(records, tmp_path):
    bare = [replace(records[0], video=None, reasoning=None)]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        webdataset.write(bare, tmp_path / name)
    with tarfile.open(tmp_path / "a" / "train-000000.tar") as tar:
        members = tar.getmembers()
    assert [m.name.split(".", 1)[1] for m in members] == ["image.png", "json", "solution.png"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    contents = [(tmp_path / name / "train-000000.tar").read_bytes() for name in ("a", "b")]
    assert contents[0] == contents[1]
