"""What a data set says of its clips: cheap to read, true, and made up for in old data sets."""

import pyarrow.parquet as pq
import pytest

from vtb.core.errors import UnreadableError
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.clips import COLUMNS, ClipForm, ClipRow, clip_rows, facts_of, misdescribed
from vtb.data.request import Request, Task
from vtb.data.shards import Shard, read_manifest
from vtb.data.store import Dataset, open_dataset
from vtb.data.verify import verify


@pytest.fixture
def made(tmp_path):
    """Builds mazes of two sizes, two shards of train, with clips of 17 frames or none."""

    def make(video=True):
        tasks = [
            Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": cell}) for cell in (12, 16)
        ]
        request = Request(tasks, 0, FramePlan.of(17, 24), video=video, split="train")
        build(request, tmp_path / "set", 4, shard_size=2)
        return open_dataset(tmp_path / "set")

    return make


def rewrite(dataset, change):
    """The data set after a change of each shard's table."""
    for shard in dataset.shards:
        path = dataset.path / shard.file
        pq.write_table(change(pq.read_table(path)), path)
    return Dataset(dataset.path, tuple(read_manifest(dataset.path)))


def without_columns(table):
    return table.drop_columns([*COLUMNS])


def test_columns_say_what_the_headers_do(made, monkeypatch):
    dataset = made()
    expected = [
        ClipRow(row["id"], row["prompt"], facts_of(row["video"]["bytes"]))
        for row in dataset.rows("train")
    ]
    sizes = [(64, 64), (96, 96)] * 2
    assert [row.facts.form for row in expected] == [ClipForm(17, *size, 24) for size in sizes]
    with monkeypatch.context() as patch:
        patch.setattr("vtb.media.video.read_header", None)
        assert list(clip_rows(dataset, "train")) == expected
    assert misdescribed(dataset, "train") == []
    assert list(clip_rows(rewrite(dataset, without_columns), "train")) == expected


def test_without_videos_there_is_nothing_to_say(made):
    dataset = made(video=False)
    assert [row.facts for row in clip_rows(dataset, "train")] == [None] * 4
    assert misdescribed(dataset, "train") == []
    assert [row.facts for row in clip_rows(rewrite(dataset, without_columns), "train")] == [
        None
    ] * 4


@pytest.mark.parametrize("column", COLUMNS)
def test_a_false_column_is_noticed(made, column):
    def falsify(table):
        values = table[column].to_pylist()
        values[0] = "0" * 32 if column == "video_hash" else values[0] + 1
        at = table.column_names.index(column)
        field = table.schema.field(column)
        return table.set_column(at, field, [values])

    dataset = made()
    files = [shard.file for shard in dataset.shards]
    dataset = rewrite(dataset, falsify)
    assert misdescribed(dataset, "train") == files
    reasons = [failure.reason for failure in verify_rows(dataset).failures]
    assert reasons == ["form or hash is not that of the video"] * 2


def verify_rows(dataset):
    """What verification says of rows whose shards' hashes are right again."""
    from dataclasses import replace

    from vtb.core.files import sha256_file

    shards = tuple(
        replace(shard, sha256=sha256_file(dataset.path / shard.file)) for shard in dataset.shards
    )
    return verify(Dataset(dataset.path, shards), corruptions=False)


def test_a_clip_in_place_of_another_is_noticed(made):
    dataset = rewrite(
        made(),
        lambda table: table.set_column(
            table.column_names.index("video"),
            table.schema.field("video"),
            table["video"].take([1, 0]),
        ),
    )
    assert misdescribed(dataset, "train") == [shard.file for shard in dataset.shards]


def test_a_missing_shard_is_named(made):
    dataset = made()
    shard: Shard = dataset.shards[1]
    (dataset.path / shard.file).unlink()
    with pytest.raises(UnreadableError, match=shard.file):
        list(clip_rows(dataset, "train"))
